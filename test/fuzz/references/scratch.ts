import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder in memory, for readers that take paths alone; it goes with the process. */
export class Scratch {
  readonly folder: string

  constructor() {
    this.folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'virnucpro-fuzz-'))
    process.on('exit', () => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** Writes a file and returns its path. */
  put(name: string, bytes: Uint8Array): string {
    const path = join(this.folder, name)
    writeFileSync(path, bytes)
    return path
  }
}
