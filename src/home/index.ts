// The home: the folder for everything that this program keeps for a user, and the record of set-up.

export type { NamedBundle } from './bundles.ts'
export type { Cleaned, CleanOptions } from './clean.ts'
export { chooseDefault } from './default.ts'
export { HomeError } from './errors.ts'
export type { Derived, ForServer, HomeBundle, PlaceUse, Plans } from './inventory.ts'
export type { HomeLockOptions } from './lock.ts'
export {
  bundleLock,
  cacheFolder,
  type Environment,
  HOME_VARIABLE,
  homeFolder,
  homePlace,
  isHomeReadOnly,
  isOfHome,
  PLACE_NAMES,
  type Place,
  privateFolder,
  readablePlaces,
  requireWritableHome,
  serverLock,
  writableFolder,
  writablePlace,
} from './places.ts'
export type { HomeRecord, ServerChoice } from './record.ts'
export type { Owners, OwnsFile, Removable } from './remove.ts'

/** A function that is loaded when it is called: callers that only ask for a path need none of them. */
function later<Work extends (...parameters: never[]) => Promise<unknown>>(load: () => Promise<Work>): Work {
  return (async (...parameters: Parameters<Work>) => await (await load())(...parameters)) as Work
}

// The record of set-up.
export const readHome = later(async () => (await import('./record.ts')).readHome)
export const changeHome = later(async () => (await import('./record.ts')).changeHome)
// Locks, and leases of what is in use.
export const withHomeLock = later(async () => (await import('./lock.ts')).withHomeLock)
export const lease = later(async () => (await import('./leases.ts')).lease)
// Bundles by name.
export const findBundle = later(async () => (await import('./bundles.ts')).findBundle)
export const requireBundleId = later(async () => (await import('./bundles.ts')).requireBundleId)
// Listing and removing.
export const listBundles = later(async () => (await import('./inventory.ts')).listBundles)
export const measurePlaces = later(async () => (await import('./inventory.ts')).measurePlaces)
export const removalOf = later(async () => (await import('./remove.ts')).removalOf)
export const requireUnused = later(async () => (await import('./remove.ts')).requireUnused)
export const removeBundle = later(async () => (await import('./remove.ts')).removeBundle)
export const cleanHome = later(async () => (await import('./clean.ts')).cleanHome)
