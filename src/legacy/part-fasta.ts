import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The records of a part FASTA, by id, in file order. */
export interface PartFasta {
  path: string
  sequences: Map<string, Uint8Array>
  /** Milliseconds since 1970. */
  modified: number
}

/** `x/output_3_ESM.pt` belongs to `x/output_3.fa`; undefined for names without a part number. */
export function partFastaOf(checkpoint: string): string | undefined {
  const part = /^output_(\d+)[._]/.exec(basename(checkpoint))?.[1]
  return part === undefined ? undefined : join(dirname(checkpoint), `output_${part}.fa`)
}

/**
 * Reads a part FASTA, of one line a record or wrapped. At most some 10,000 records, so it is held in memory.
 * @returns undefined where there is none, or where it is not whole FASTA with each id once
 */
export async function readPartFasta(path: string): Promise<PartFasta | undefined> {
  let bytes: Buffer
  let modified: number
  try {
    bytes = await readFile(path)
    modified = (await stat(path)).mtimeMs
  } catch {
    return undefined
  }
  const sequences = new Map<string, Uint8Array>()
  if (bytes.length > 0 && bytes[0] !== 0x3e) return undefined
  for (let at = 0; at < bytes.length; ) {
    const next = bytes.indexOf('\n>', at)
    const end = next < 0 ? bytes.length : next + 1
    const line = bytes.indexOf(10, at)
    const headerEnd = line < 0 || line > end ? end : line
    const id = bytes.toString('utf8', at + 1, headerEnd).split(/\s/, 1)[0] ?? ''
    if (id === '' || sequences.has(id)) return undefined
    sequences.set(id, withoutLineEnds(bytes.subarray(Math.min(headerEnd + 1, end), end)))
    at = end
  }
  return { path, sequences, modified }
}

function withoutLineEnds(bytes: Uint8Array): Uint8Array {
  const letters = new Uint8Array(bytes.length)
  let filled = 0
  for (const byte of bytes) if (byte > 32) letters[filled++] = byte
  return letters.slice(0, filled)
}
