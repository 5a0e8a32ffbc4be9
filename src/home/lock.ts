import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FileLock } from '../system/file-lock.ts'
import { cannotWrite } from '../system/system-error.ts'
import { locksFolder } from './leases.ts'
import type { Environment } from './places.ts'

export interface HomeLockOptions {
  readonly signal?: AbortSignal | undefined
  /** Called once with a description of the process that is waited for. */
  readonly onWait?: ((owner: string) => void) | undefined
  /** Whether to wait for a process that holds the lock. @default true */
  readonly wait?: boolean | undefined
  readonly environment?: Environment | undefined
}

/**
 * Does work in the home that only one process at a time may do; others wait. Takes over the lock of a killed process, also on
 * network file systems. Locks of a read-only home are in `privateFolder`.
 *
 * Not reentrant: work must not take the lock that it holds.
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
