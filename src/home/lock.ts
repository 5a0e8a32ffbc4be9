import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FileLock } from '../system/file-lock.ts'
import { cannotWrite } from '../system/system-error.ts'
import { locksFolder } from './leases.ts'
import type { Environment } from './places.ts'

export interface HomeLockOptions {
  readonly signal?: AbortSignal | undefined
  /** Is told once which process is waited for, in words. */
  readonly onWait?: ((owner: string) => void) | undefined
  /** Whether a process that holds the lock is waited for. @default true */
  readonly wait?: boolean | undefined
  readonly environment?: Environment | undefined
}

/**
 * Does work on something in the home that one process at a time may do; others wait. What a killed holder left is taken
 * over, also on network file systems. Locks of a home that is read-only lie in `privateFolder`.
 *
 * A lock is not to be taken by work that holds it.
 *
 * @param name letters, digits and dashes
 * @param work its signal is aborted with that of the options, and when the lock is lost
 * @throws LockedError without waiting; WriteError; the reason of the signal
 */
export async function withHomeLock<Result>(
  name: string,
  work: (signal: AbortSignal) => Result | Promise<Result>,
  { signal, onWait, wait = true, environment }: HomeLockOptions = {},
): Promise<Result> {
  const folder = await locksFolder(environment)
  await mkdir(folder, { recursive: true }).catch(cannotWrite(folder))
  const path = join(folder, `${name}.lock`)
  await using lock = wait
    ? await FileLock.wait(path, { signal, ...(onWait && { onWait }) })
    : await FileLock.acquire(path)
  const result = await work(signal === undefined ? lock.signal : AbortSignal.any([signal, lock.signal]))
  await lock.check()
  return result
}
