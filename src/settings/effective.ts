import { compareOrigins, DEFAULT_ORIGIN, type Given, type Origin } from './origins.ts'
import type { AnySettingName, Settings } from './schema.ts'

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

  /** Gives a setting a value that follows from another one, and the origin of that other one. */
  derive<Name extends AnySettingName>(name: Name, value: Settings[Name], from: Origin): void {
    this.values[name] = value
    this.#origins.set(name, from)
  }

  /** Above zero when the first setting comes from a stronger source than the second. */
  compare(first: AnySettingName, second: AnySettingName): number {
    return compareOrigins(this.origin(first), this.origin(second))
  }
}
