import { mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of its own, until it is disposed of. */
export interface TemporaryFolder extends Disposable, AsyncDisposable {
  readonly path: string
  join(...parts: string[]): string
}

/** A new folder that goes away at the end of the scope: `using folder = temporaryFolder()`, or `await using`. */
export function temporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), 'virnucpro-'))
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Runs `work` with a folder that is gone afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  await using folder = temporaryFolder()
  return await work(folder.path)
}
