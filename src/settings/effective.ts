import { Secret } from '../system/printable.ts'
import type { Option } from './option.ts'
import type { AnySettingName, Settings } from './table.ts'

/** Where a value comes from, strongest first: the command line, the environment, the file, the default. */
interface Origin {
  kind: 'flag' | 'argument' | 'environment' | 'file' | 'default'
  /** The flag, variable or dotted key as the user wrote it; empty for a default. */
  name: string
  /** Path of the configuration file; only where the kind is `file`. */
  file?: string
}

const STRENGTH = { default: 0, file: 1, environment: 2, argument: 3, flag: 3 } as const

export const DEFAULT_ORIGIN: Origin = { kind: 'default', name: '' }

/** A value as it was written, before validation, and where. */
export interface Given {
  value: unknown
  origin: Origin
}

/** A value that was written somewhere; it becomes a secret as soon as it is read, where its option is one. */
export function given(option: Option | undefined, value: unknown, origin: Origin): Given {
  return { value: option?.secret === true && typeof value === 'string' ? new Secret(value) : value, origin }
}

/** The validated settings with the origin of each; the derivation rules work on it in place. */
export class Effective {
  readonly values: Settings
  readonly #origins: Map<AnySettingName, Origin>

  constructor(values: Settings, given: ReadonlyMap<AnySettingName, Given>) {
    this.values = values
    this.#origins = new Map([...given].map(([name, { origin }]) => [name, origin]))
  }

  origin(name: AnySettingName): Origin {
    return this.#origins.get(name) ?? DEFAULT_ORIGIN
  }

  /** `flag --threads`, `environment VIRNUCPRO_THREADS`, `file virnucpro.config.yaml, threads`, `default`. */
  describe(name: AnySettingName): string {
    const origin = this.origin(name)
    if (origin.kind === 'file') return `file ${origin.file}, ${origin.name}`
    return `${origin.kind} ${origin.name}`.trimEnd()
  }

  /** Gives a setting a value that follows from another one, and the origin of that other one. */
  derive<Name extends AnySettingName>(name: Name, value: Settings[Name], from?: AnySettingName): void {
    this.values[name] = value
    this.#origins.set(name, from === undefined ? DEFAULT_ORIGIN : this.origin(from))
  }

  /** Above zero when the first setting comes from a stronger place than the second. */
  compare(first: AnySettingName, second: AnySettingName): number {
    return STRENGTH[this.origin(first).kind] - STRENGTH[this.origin(second).kind]
  }
}
