import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { RunLock } from '../checkpoint/lock.ts'
import { STATE_FOLDER } from './states.ts'

/**
 * Locks all runs of some output folders, so that none of them works there meanwhile.
 * @throws LockedError when one of them does
 */
export async function lockRuns(roots: readonly string[]): Promise<AsyncDisposable> {
  const locks = new AsyncDisposableStack()
  try {
    for (const root of roots) {
      const folder = join(root, STATE_FOLDER)
      // A run makes its lock before anything else: without the folder there is none.
      if (!existsSync(folder)) continue
      for (const stem of await stemsIn(folder)) locks.use(await RunLock.acquire(join(folder, `${stem}.lock`)))
    }
    return locks
  } catch (error) {
    await locks.disposeAsync()
    throw error
  }
}

/** Stems of all runs that have a state or a lock there. */
async function stemsIn(folder: string): Promise<Set<string>> {
  const stems = new Set<string>()
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) stems.add(entry.name)
    else if (entry.name.endsWith('.lock')) stems.add(entry.name.slice(0, -'.lock'.length))
  }
  return stems
}
