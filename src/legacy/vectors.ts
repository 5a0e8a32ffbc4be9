import { crc32 } from 'node:zlib'
import { forModels, type ModelName } from '../bundle/index.ts'
import type { LayoutName } from '../layout/index.ts'
import { areFinite } from '../system/finite.ts'
import type { FeatureTable } from '../torchfile/index.ts'
import {
  ageProblem,
  idProblem,
  type PartFasta,
  partFastaOf,
  readPartFasta,
  readProteins,
} from './part-fasta.ts'
import { KINDS, type LegacyFile, readLegacyFile } from './read.ts'
import { findLegacyRun, pathsOf, RESUMED, wasResumedByBroad } from './runs.ts'

/** A vector of an old run, known by its sequence id alone: its place in a file says nothing. */
export interface LegacyVector {
  model: ModelName
  id: string
  /** [dim] float32. */
  vector: Float32Array
  /** What was embedded, from the part FASTA of the old run; undefined where that is not there. */
  sequence: Uint8Array | undefined
  file: string
}

export interface LegacyVectorOptions {
  /** Values of a vector of each model; files of another width are not used. */
  widths?: Record<ModelName, number>
  /** Called for each file: those with a `problem` were not used. */
  onFile?(file: LegacyFile): void
  signal?: AbortSignal | undefined
}

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
  const seen: Seen = forModels(() => new Map())
  let proteins: PartFasta | undefined
  for (const path of run.files) {
    options.signal?.throwIfAborted()
    const { file, table } = await readLegacyFile(path, layout)
    const isBatch = file.kind === 'batch'
    if (isBatch) proteins ??= await readProteins(pathsOf({ root, stem }, layout).proteinFolder)
    const sequences = isBatch ? proteins : await readPartFasta(partFastaOf(path))
    file.problem ??= await reasonNotToUse(file, sequences, resumed, options.widths)
    const model = file.kind && KINDS[file.kind].model
    const isUsed = table !== undefined && model !== undefined && file.problem === undefined
    const vectors = isUsed ? pick(model, file, table, sequences, seen[model]) : []
    options.onFile?.(file)
    if (vectors.length > 0) yield vectors
  }
}

async function reasonNotToUse(
  file: LegacyFile,
  fasta: PartFasta | undefined,
  resumed: boolean,
  widths: LegacyVectorOptions['widths'],
): Promise<string | undefined> {
  const { kind, ids, dim } = file
  const model = kind && KINDS[kind].model
  if (model === undefined) return 'is a merged file, which is always made from the vectors of the two models'
  if (kind === 'esm' && resumed) return RESUMED
  if (widths !== undefined && ids.length > 0 && dim !== widths[model])
    return `has vectors of ${dim} values, the model at hand makes ${widths[model]}`
  if (fasta === undefined) {
    file.warnings.push('has no part FASTA beside it: its ids cannot be checked')
    return undefined
  }
  return (await ageProblem(file, fasta)) ?? idProblem(file, fasta)
}

/** Checksum of the first vector of each id. */
type Seen = Record<ModelName, Map<string, number>>

function pick(
  model: ModelName,
  file: LegacyFile,
  { ids, rows, dim }: FeatureTable,
  fasta: PartFasta | undefined,
  seen: Map<string, number>,
): LegacyVector[] {
  const vectors: LegacyVector[] = []
  let [notFinite, conflicts] = [0, 0]
  for (const [i, id] of ids.entries()) {
    const vector = rows.subarray(i * dim, (i + 1) * dim)
    if (!areFinite(vector)) {
      notFinite++
      continue
    }
    const sum = crc32(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
    const before = seen.get(id)
    if (before === undefined) {
      seen.set(id, sum)
      vectors.push({ model, id, vector, sequence: fasta?.sequences.get(id), file: file.path })
    } else if (before !== sum) conflicts++
  }
  if (notFinite > 0) file.warnings.push(`${notFinite} of its vectors contain NaN or infinity; left out`)
  if (conflicts > 0)
    file.warnings.push(`${conflicts} of its vectors differ from those of an earlier file; left out`)
  return vectors
}
