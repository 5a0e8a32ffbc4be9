import { FileLock, type LockOptions } from '../system/file-lock.ts'

export { LockedError } from '../system/file-lock.ts'

/** A lock on the state of a run. */
export type RunLock = FileLock

export const RunLock = {
  /** See `FileLock.acquire`. @throws LockedError when another run works in the folder */
  acquire: (path: string, options: Omit<LockOptions, 'words'> = {}) =>
    FileLock.acquire(path, {
      ...options,
      words: {
        holder: 'run',
        does: 'is writing to this output folder',
        instead: 'choose another output folder',
      },
    }),
}
