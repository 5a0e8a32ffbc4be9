import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FileLock } from '../system/file-lock.ts'
import { cannotWrite } from '../system/system-error.ts'
import { type Environment, writableFolder } from './places.ts'

export interface HomeLockOptions {
  readonly signal?: AbortSignal | undefined
  /** Is told once which process is waited for, in words. */
  readonly onWait?: ((owner: string) => void) | undefined
  readonly environment?: Environment | undefined
}

export async function withHomeLock<Result>(
  name: string,
  work: (signal: AbortSignal) => Result | Promise<Result>,
  { signal, onWait, environment }: HomeLockOptions = {},
): Promise<Result> {
  const folder = join(await writableFolder(environment), 'locks')
  await mkdir(folder, { recursive: true }).catch(cannotWrite(folder))
  await using lock = await FileLock.wait(join(folder, `${name}.lock`), {
    signal,
    ...(onWait && { onWait }),
  })
  const result = await work(signal === undefined ? lock.signal : AbortSignal.any([signal, lock.signal]))
  await lock.check()
  return result
}
