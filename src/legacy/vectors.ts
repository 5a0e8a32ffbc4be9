import { stat } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import type { LayoutName } from '../layout/index.ts'
import { areFinite } from '../system/finite.ts'
import type { FeatureTable } from '../torchfile/index.ts'
import { findLegacyRun, namesIn, runFolders, wasResumedByBroad } from './find.ts'
import { type PartFasta, partFastaOf, readPartFasta } from './part-fasta.ts'
import { readLegacyFile } from './read.ts'
import type { LegacyFile, LegacyVector } from './types.ts'

export interface LegacyVectorOptions {
  /** Values of a vector of each model; files of another width are not used. */
  widths?: { esm2: number; dnabert_s: number }
  /** Called for each file: those with a `problem` were not used. */
  onFile?(file: LegacyFile): void
  signal?: AbortSignal | undefined
}

/** Milliseconds by which a copied tree may have its files in another order than they were made. */
export const TIME_TOLERANCE = 10_000

/**
 * The vectors of an old run, file by file, each known by its id. A file is used whole or not at all: every
 * checksum holds, its ids are those of the part FASTA beside it, and that FASTA is not younger than it.
 * `.done` markers, names and positions decide nothing. A vector that is not finite is left out, and so is one
 * whose id an earlier file had.
 */
export async function* readLegacyVectors(
  root: string,
  stem: string,
  layout: LayoutName,
  options: LegacyVectorOptions = {},
): AsyncGenerator<LegacyVector[]> {
  const run = await findLegacyRun(root, stem, layout)
  if (run === undefined) return
  const resumed = await wasResumedByBroad(root)
  const seen = { esm2: new Map<string, number>(), dnabert_s: new Map<string, number>() }
  let proteins: PartFasta | undefined
  for (const path of run.files) {
    options.signal?.throwIfAborted()
    const { file, table } = await readLegacyFile(path, layout)
    let vectors: LegacyVector[] = []
    if (table !== undefined) {
      if (file.kind === 'batch') proteins ??= await readProteins(runFolders(root, stem, layout).protein)
      const sequences = file.kind === 'batch' ? proteins : await readPartFasta(partFastaOf(path) ?? '')
      file.problem = await reasonNotToUse(file, sequences, resumed, options.widths)
      if (file.problem === undefined) vectors = pick(file, table, sequences, seen)
    }
    options.onFile?.(file)
    if (vectors.length > 0) yield vectors
  }
}

/** All protein parts of a run as one, for the batches, which lie beside no FASTA. */
async function readProteins(folder: string): Promise<PartFasta | undefined> {
  const all: PartFasta = { path: folder, sequences: new Map(), modified: 0 }
  for (const name of await namesIn(folder)) {
    if (!/^output_\d+\.fa$/.test(name)) continue
    const part = await readPartFasta(`${folder}/${name}`)
    if (part === undefined) return undefined
    for (const [id, sequence] of part.sequences) all.sequences.set(id, sequence)
    all.modified = Math.max(all.modified, part.modified)
  }
  return all.sequences.size === 0 ? undefined : all
}

async function reasonNotToUse(
  file: LegacyFile,
  fasta: PartFasta | undefined,
  resumed: boolean,
  widths: LegacyVectorOptions['widths'],
): Promise<string | undefined> {
  const { kind, path, ids, dim } = file
  if (kind === 'merged')
    return 'is a merged file, which is always made anew from the vectors of the two models'
  const model = kind === 'dnabert' ? 'dnabert_s' : 'esm2'
  if (kind === 'esm' && resumed)
    return "the logs say that Broad's ESM path was resumed, which puts vectors under the wrong ids"
  if (widths !== undefined && ids.length > 0 && dim !== widths[model])
    return `has vectors of ${dim} values, the model at hand makes ${widths[model]}`
  if (fasta === undefined) {
    file.warnings.push('has no part FASTA beside it: its ids cannot be checked')
    return undefined
  }
  if (fasta.modified > (await stat(path)).mtimeMs + TIME_TOLERANCE)
    return `is older than ${fasta.path}: it may be of an earlier input`
  return idProblem(file, fasta)
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

function pick(
  file: LegacyFile,
  { ids, rows, dim }: FeatureTable,
  fasta: PartFasta | undefined,
  seen: Record<LegacyVector['model'], Map<string, number>>,
): LegacyVector[] {
  const model = file.kind === 'dnabert' ? 'dnabert_s' : 'esm2'
  const vectors: LegacyVector[] = []
  let [notFinite, conflicts] = [0, 0]
  for (const [i, id] of ids.entries()) {
    const vector = rows.subarray(i * dim, (i + 1) * dim)
    if (!areFinite(vector)) {
      notFinite++
      continue
    }
    const sum = crc32(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
    const before = seen[model].get(id)
    if (before !== undefined) {
      if (before !== sum) conflicts++
      continue
    }
    seen[model].set(id, sum)
    vectors.push({ model, id, vector, sequence: fasta?.sequences.get(id), file: file.path })
  }
  if (notFinite > 0)
    file.warnings.push(`${notFinite} of its vectors hold values that are no numbers; left out`)
  if (conflicts > 0)
    file.warnings.push(`${conflicts} of its vectors differ from those of an earlier file; left out`)
  return vectors
}
