import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder in memory, for readers that take paths alone; the runner removes it. */
export class Scratch {
  readonly folder: string

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'scratch-'))
  }

  /** Writes a file and returns its path. */
  put(name: string, bytes: Uint8Array): string {
    const path = join(this.folder, name)
    writeFileSync(path, bytes)
    return path
  }
}
