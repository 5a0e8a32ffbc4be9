import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A new folder that goes away at the end of the scope: `await using folder = temporaryFolder()`. */
export function temporaryFolder(): { path: string; join(...parts: string[]): string } & AsyncDisposable {
  const path = mkdtempSync(join(tmpdir(), 'virnucpro-'))
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Runs `work` with a folder that is gone afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  await using folder = temporaryFolder()
  return await work(folder.path)
}
