/** Where a value comes from, strongest first: a flag wins over the environment, that over the file, that over the default. */
export interface Origin {
  kind: 'flag' | 'argument' | 'environment' | 'file' | 'default'
  /** The flag, variable or dotted key as the user wrote it; empty for a default. */
  name: string
  /** Path of the configuration file; only where the kind is `file`. */
  file?: string
}

export const DEFAULT_ORIGIN: Origin = { kind: 'default', name: '' }

/** `flag --threads`, `environment VIRNUCPRO_THREADS`, `file virnucpro.config.yaml, threads`, `default`. */
export function describeOrigin(origin: Origin): string {
  if (origin.kind === 'default') return 'default'
  if (origin.kind === 'file') return `file ${origin.file}, ${origin.name}`
  return `${origin.kind} ${origin.name}`
}

const STRENGTH = { default: 0, file: 1, environment: 2, argument: 3, flag: 3 } as const

/** Above zero when the first origin wins over the second, zero when neither does. */
export function compareOrigins(first: Origin, second: Origin): number {
  return STRENGTH[first.kind] - STRENGTH[second.kind]
}

/** A value as it was written, before validation, and where. */
export interface Given {
  value: unknown
  origin: Origin
}
