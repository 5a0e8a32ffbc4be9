import { closeSync, fchmodSync, fstatSync, lstatSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { hasEnded, processPlace, processStart } from '../../system/processes.ts'
import { READ } from '../../system/regular-file.ts'
import { namesIn } from './listener.ts'

export const SHARED_MEMORY = '/dev/shm'

/** Who made a region: process id, start of that process, namespace of process ids. */
const OURS = /^virnucpro_(?<pid>\d+)_(?<start>\d+)_(?<place>\d+)_[0-9a-f]{8}_/

/**
 * What the shared-memory regions of one server are called. The name says which process started the server, so that a
 * later one can see whether anybody is left to remove them.
 */
export function newRegionPrefix(): string {
  const start = processStart(process.pid) ?? '0'
  return `virnucpro_${process.pid}_${start}_${processNamespace()}_${crypto.randomUUID().slice(0, 8)}_`
}

export function removeRegions(prefix: string): void {
  for (const name of regions()) {
    if (name.startsWith(prefix)) rmSync(join(SHARED_MEMORY, name), { force: true })
  }
}

/**
 * Closes the regions of a server to other users. They hold sequences, and Triton lets every user of the machine read them,
 * whatever the umask is.
 */
export function closeRegions(prefix: string): void {
  for (const name of regions().filter((each) => each.startsWith(prefix))) {
    try {
      // No link is followed: others may make names here, too.
      const file = openSync(join(SHARED_MEMORY, name), READ)
      if (fstatSync(file).uid === process.getuid?.()) fchmodSync(file, 0o600)
      closeSync(file)
    } catch {
      // It was removed meanwhile.
    }
  }
}

/**
 * Removes what is left of servers whose starter was killed together with everything that watched it, as by SIGKILL for
 * a whole control group. Other users' regions, and those made in another namespace of process ids, are left alone.
 */
export function removeStaleRegions(): void {
  const place = processNamespace()
  if (place === '0') return
  for (const name of regions()) {
    const made = OURS.exec(name)?.groups
    if (made === undefined || made.place !== place || made.start === '0') continue
    if (!hasEnded(Number(made.pid), made.start)) continue
    const path = join(SHARED_MEMORY, name)
    try {
      if (lstatSync(path).uid === process.getuid?.()) rmSync(path, { force: true })
    } catch {
      // Somebody else has removed it.
    }
  }
}

/** Number of the namespace that process ids of this process belong to; 0 where that cannot be seen. */
function processNamespace(): string {
  return /\[(\d+)\]$/.exec(processPlace())?.[1] ?? '0'
}

/** Systems without this folder have no such regions. */
function regions(): string[] {
  return namesIn(SHARED_MEMORY)
}
