import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LayoutName } from '../layout/index.ts'
import { MOST_BYTES, readWithin } from '../system/read-within.ts'
import type { FeatureKind, FeatureTable } from '../torchfile/index.ts'
import { type LegacyFile, rowsById } from './read.ts'
import { NAMES, namesIn } from './runs.ts'

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
export async function readPartFasta(path: string | undefined): Promise<PartFasta | undefined> {
  if (path === undefined) return undefined
  let bytes: Buffer
  let modified: number
  try {
    bytes = await readWithin(path, MOST_BYTES.part)
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
    sequences.set(
      id,
      bytes.subarray(headerEnd, end).filter((byte) => byte > 32),
    )
    at = end
  }
  return { path, sequences, modified }
}

/** All protein parts of a run as one, for the batches, which lie beside no FASTA. */
export async function readProteins(folder: string): Promise<PartFasta | undefined> {
  const all: PartFasta = { path: folder, sequences: new Map(), modified: 0 }
  for (const name of await namesIn(folder)) {
    if (!NAMES.fasta.test(name)) continue
    const part = await readPartFasta(join(folder, name))
    if (part === undefined) return undefined
    for (const [id, sequence] of part.sequences) all.sequences.set(id, sequence)
    all.modified = Math.max(all.modified, part.modified)
  }
  return all.sequences.size === 0 ? undefined : all
}

/** A batch holds some of the proteins, any other file exactly those of its part. */
export function idProblem({ kind, ids }: LegacyFile, { path, sequences }: PartFasta): string | undefined {
  const stranger = ids.find((id) => !sequences.has(id))
  if (stranger !== undefined) return `has the id ${stranger}, which is not in ${path}`
  if (kind === 'batch' || ids.length === sequences.size) return undefined
  const known = new Set(ids)
  const missing = [...sequences.keys()].find((id) => !known.has(id))
  return `has ${ids.length} ids, ${path} has ${sequences.size}: ${missing} is missing`
}

/** Milliseconds by which a copied tree may have its files in another order than they were made. */
const TIME_TOLERANCE = 10_000

/** Whether the FASTA was written after the file, so that its vectors may be those of something else. */
export async function ageProblem({ path }: LegacyFile, fasta: PartFasta): Promise<string | undefined> {
  const isOlder = fasta.modified > (await stat(path)).mtimeMs + TIME_TOLERANCE
  return isOlder ? `is older than ${fasta.path}: it may be of an earlier input` : undefined
}

/**
 * The rows in the order of the layout: that of the FASTA file, and for the original's protein vectors by length,
 * then by that order, as fair-esm sorts them.
 */
export function ordered(
  kind: FeatureKind,
  table: FeatureTable,
  fasta: PartFasta | undefined,
  layout: LayoutName,
): FeatureTable {
  if (fasta === undefined) return table
  const order = [...fasta.sequences]
  if (kind === 'esm' && layout === 'vanilla') order.sort(([, a], [, b]) => a.length - b.length)
  const { dim } = table
  const rowOf = rowsById(table)
  const ids = order.map(([id]) => id)
  const rows = new Float32Array(table.rows.length)
  for (const [i, id] of ids.entries()) rows.set(rowOf(id) as Float32Array, i * dim)
  return { ids, rows, dim }
}
