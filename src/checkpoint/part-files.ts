import { access } from 'node:fs/promises'
import { basename } from 'node:path'
import { FEATURE_ORDER, type ModelName, modelFacts } from '../bundle/index.ts'
import type { OutputPaths } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { sha256File } from '../system/sha256.ts'
import {
  decodeMerged,
  type FeatureKind,
  type FeatureTable,
  readTorchFile,
  writeFeatureFile,
} from '../torchfile/index.ts'

/** Everything the three `.pt` files of a part hold. */
export interface PartFeatures {
  /** Frame ids in the order of the part. */
  ids: readonly string[]
  /** Residues of each frame. */
  proteinLengths: readonly number[]
  /** Row-major [frames, all widths]. */
  features: Float32Array
  widths: Readonly<Record<ModelName, number>>
  /** Added to every file of a demonstration. */
  stamp: string | undefined
}

/** SHA-256 of the three `.pt` files of a part, as hex digits: DNABERT-S, ESM-2, merged. */
export type PartDigests = readonly string[]

/**
 * Writes `output_k_DNABERT_S.pt`, `output_k_ESM.pt` and `output_k_merged.pt` of a part in the chosen layout.
 * Broad's has `version` and `status` in each file and an empty `.done` beside it, made after the file is whole.
 */
export async function writePartFiles(
  paths: OutputPaths,
  number: number,
  part: PartFeatures,
): Promise<PartDigests> {
  const inOrder = part.ids.map((_, i) => i)
  const proteinOrder = paths.layout === 'broad' ? inOrder : byLength(part)
  let dim = 0
  // Made one after the other: each is a copy of the features.
  const tables: [FeatureKind, () => FeatureTable][] = FEATURE_ORDER.flatMap((model) => {
    const { featureFile, sequence } = modelFacts(model)
    const first = dim
    dim += part.widths[model]
    const order = sequence === 'protein' ? proteinOrder : inOrder
    const table = () => columns(part, order, first, part.widths[model])
    return featureFile === undefined ? [] : [[featureFile, table]]
  })
  tables.push(['merged', () => ({ ids: part.ids, rows: part.features, dim })])
  const digests: string[] = []
  for (const [i, path] of partFiles(paths, number).entries()) {
    const [kind, table] = tables[i] as (typeof tables)[number]
    const hasher = new Bun.CryptoHasher('sha256')
    await writeAtomically(path, (sink) => {
      const hashed = (bytes: Uint8Array) => {
        hasher.update(bytes)
        return sink.write(bytes)
      }
      return writeFeatureFile(kind, table(), hashed, {
        archiveName: basename(path, '.pt'),
        stamp: paths.layout === 'broad',
        ...(part.stamp === undefined ? {} : { notes: { demonstration: part.stamp } }),
      })
    })
    digests.push(hasher.digest('hex'))
    if (paths.layout === 'broad') await writeAtomically(`${path}.done`, '')
  }
  return digests
}

/** The features of a part from its merged file: row-major [frames, all widths]. @throws FeatureFileError */
export async function readPartFeatures(paths: OutputPaths, number: number): Promise<Float32Array> {
  return (await decodeMerged(await readTorchFile(paths.mergedPart(number)))).rows
}

/**
 * Compares the three `.pt` files of a part with what was written, byte for byte: a present name, a `.done` or a
 * good end of the file prove nothing.
 *
 * @returns the first file that is missing or not as it was written, with what is wrong; undefined when all are whole
 */
export async function damagedPartFile(
  paths: OutputPaths,
  number: number,
  digests: PartDigests,
): Promise<{ path: string; problem: string } | undefined> {
  for (const [i, path] of partFiles(paths, number).entries()) {
    const digest = await sha256File(path).catch(() => undefined)
    if (digest === undefined) return { path, problem: 'is missing' }
    if (digest !== digests[i]) return { path, problem: 'is damaged or not the one that was written' }
    const done = `${path}.done`
    if (paths.layout === 'broad' && !(await exists(done))) return { path: done, problem: 'is missing' }
  }
  return undefined
}

function partFiles(paths: OutputPaths, number: number): string[] {
  return [paths.dnabertPart(number), paths.esmPart(number), paths.mergedPart(number)]
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

/** fair-esm sorts a file's sequences by length, then by position, before it makes batches; the file keeps that order. */
function byLength({ proteinLengths }: PartFeatures): number[] {
  return proteinLengths
    .map((length, i) => ({ length, i }))
    .sort((a, b) => a.length - b.length || a.i - b.i)
    .map(({ i }) => i)
}

/** Some columns of the features, rows in the given order. */
function columns(
  { ids, features }: PartFeatures,
  order: readonly number[],
  first: number,
  dim: number,
): FeatureTable {
  const width = features.length / ids.length
  const rows = new Float32Array(order.length * dim)
  for (const [to, from] of order.entries()) {
    const start = from * width + first
    rows.set(features.subarray(start, start + dim), to * dim)
  }
  return { ids: order.map((i) => ids[i] as string), rows, dim }
}
