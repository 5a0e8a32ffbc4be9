// The home: the folder in which this program keeps what it makes for a user, and what set-up has decided.

import type { NamedBundle } from './bundles.ts'
import type { HomeLockOptions } from './lock.ts'
import type { Environment } from './places.ts'
import type { HomeRecord } from './record.ts'

export type { NamedBundle } from './bundles.ts'
export { HomeError } from './errors.ts'
export type { HomeLockOptions } from './lock.ts'
export {
  cacheFolder,
  type Environment,
  HOME_VARIABLE,
  homeFolder,
  homePlace,
  isHomeReadOnly,
  PLACE_NAMES,
  type Place,
  privateFolder,
  requireWritableHome,
  writableFolder,
  writablePlace,
} from './places.ts'
export type { HomeRecord, ServerChoice } from './record.ts'

// Loaded when it is needed: whoever asks where something lies only needs none of it.

/**
 * What set-up has decided; format and version alone where nothing is there.
 * @throws HomeError when the record is damaged or of a newer version; ReadError
 */
export async function readHome(environment?: Environment): Promise<HomeRecord> {
  return await (await import('./record.ts')).readHome(environment)
}

/**
 * Changes what set-up has decided, whole or not at all; two changes at the same time are made one after the other.
 * @returns the new record
 * @throws HomeError when this user cannot write to the home, or the record is damaged or of a newer version
 */
export async function changeHome(
  change: (record: HomeRecord) => HomeRecord,
  environment?: Environment,
): Promise<HomeRecord> {
  return await (await import('./record.ts')).changeHome(change, environment)
}

/**
 * Does work on something in the home that one process at a time may do; others wait. What a killed holder left is taken
 * over, also on network file systems. Locks of a home that is read-only lie in `privateFolder`.
 *
 * A lock is not to be taken by work that holds it.
 *
 * @param name letters, digits and dashes
 * @param work its signal is aborted with that of the options, and when the lock is lost
 * @throws WriteError; the reason of the signal
 */
export async function withHomeLock<Result>(
  name: string,
  work: (signal: AbortSignal) => Result | Promise<Result>,
  options: HomeLockOptions = {},
): Promise<Result> {
  return await (await import('./lock.ts')).withHomeLock(name, work, options)
}

/**
 * The bundle that a name means: `demo`, a path, or the name of a bundle of the home or the beginning of one, four digits or more;
 * without a name the default bundle of the home. Whether it is whole is for `openBundle` to say.
 *
 * @throws UsageError for no name where there is no default bundle, and for a beginning that several bundles have; HomeError
 */
export async function findBundle(name: string | undefined, environment?: Environment): Promise<NamedBundle> {
  return await (await import('./bundles.ts')).findBundle(name, environment)
}
