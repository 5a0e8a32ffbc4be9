import { toFloat32 } from './dtype.ts'
import { FeatureFileError } from './errors.ts'
import type { FeatureKind, FeatureTable } from './feature-write.ts'
import { TensorRef } from './tensor.ts'
import type { TorchFile } from './torch-file.ts'
import { NumpyArray, type PyValue } from './values.ts'

/** A feature table with what the file says of itself. */
export interface DecodedFeatures extends FeatureTable {
  /** `version` entry; undefined in files of the original and of Broad before 1.0. */
  readonly version: string | undefined
  /** `status` entry: `complete`, or `in_progress` when Broad was stopped while writing. */
  readonly status: string | undefined
}

type Dict = ReadonlyMap<PyValue, PyValue>

/** First key of each kind; the file's name does not tell, Broad calls some ESM files `_DNABERT`. */
const ID_KEYS: Readonly<Record<FeatureKind, string>> = {
  dnabert: 'nucleotide',
  esm: 'proteins',
  merged: 'ids',
}

function wrong(file: TorchFile, problem: string): FeatureFileError {
  return new FeatureFileError(file.path, problem, {
    advice: 'Delete it and run the step again that writes it.',
  })
}

function dict(file: TorchFile): Dict {
  if (file.root instanceof Map) return file.root
  throw wrong(file, 'holds no dict')
}

/** Which kind of feature file this is, told from its keys; undefined for anything else. */
export function featureKind(file: TorchFile): FeatureKind | undefined {
  const { root } = file
  if (!(root instanceof Map) || !root.has('data')) return undefined
  const kinds: readonly FeatureKind[] = ['dnabert', 'esm', 'merged']
  return kinds.find((kind) => root.has(ID_KEYS[kind]))
}

function idList(file: TorchFile, root: Dict, key: string): string[] {
  const ids = root.get(key)
  if (Array.isArray(ids) && ids.every((id) => typeof id === 'string')) return ids
  throw wrong(file, `has no list of ids under '${key}'`)
}

function stamps(root: Dict): { version: string | undefined; status: string | undefined } {
  const text = (key: string) => {
    const value = root.get(key)
    return typeof value === 'string' ? value : undefined
  }
  return { version: text('version'), status: text('status') }
}

function rowList(file: TorchFile, root: Dict, ids: readonly string[]): PyValue[] {
  const data = root.get('data')
  if (!Array.isArray(data)) throw wrong(file, `has no list under 'data'`)
  if (data.length !== ids.length) throw wrong(file, `has ${ids.length} ids but ${data.length} rows`)
  return data
}

/**
 * Reads a DNABERT-S file. Its floats are float64 in the file and exact float32 values in all known files.
 * @throws FeatureFileError when it has another form, a label differs from its id, or rows differ in length
 */
export async function decodeDnabert(file: TorchFile): Promise<DecodedFeatures> {
  const root = dict(file)
  const ids = idList(file, root, ID_KEYS.dnabert)
  const data = rowList(file, root, ids)
  let rows = new Float32Array(0)
  let dim = 0
  for (const [i, entry] of data.entries()) {
    const values = labelledValues(file, entry, i, ids[i])
    if (i === 0) {
      dim = values.length
      rows = new Float32Array(ids.length * dim)
    }
    if (values.length !== dim) throw wrong(file, `row ${i} has ${values.length} values, expected ${dim}`)
    for (const [j, value] of values.entries()) {
      if (typeof value !== 'number') throw wrong(file, `row ${i} has a value that is no number`)
      rows[i * dim + j] = value
    }
  }
  return { ids, rows, dim, ...stamps(root) }
}

function labelledValues(
  file: TorchFile,
  entry: PyValue,
  row: number,
  id: string | undefined,
): readonly PyValue[] {
  const values = entry instanceof Map ? entry.get('mean_representation') : undefined
  if (!(entry instanceof Map) || !Array.isArray(values))
    throw wrong(file, `row ${row} has no 'mean_representation'`)
  if (entry.get('label') !== id)
    throw wrong(file, `row ${row} is labelled ${String(entry.get('label'))}, expected ${id}`)
  return values
}

/**
 * Reads an ESM-2 file, in its own order of ids.
 * @throws FeatureFileError when it has another form, or rows differ in length or are not float32
 */
export async function decodeEsm(file: TorchFile): Promise<DecodedFeatures> {
  const root = dict(file)
  const ids = idList(file, root, ID_KEYS.esm)
  const data = rowList(file, root, ids)
  let rows = new Float32Array(0)
  let dim = 0
  for (const [i, ref] of data.entries()) {
    if (!(ref instanceof TensorRef) || ref.shape.length !== 1) throw wrong(file, `row ${i} is no vector`)
    if (ref.dtype !== 'F32') throw wrong(file, `row ${i} has type ${ref.dtype}, expected F32`)
    if (i === 0) {
      dim = ref.numel
      rows = new Float32Array(ids.length * dim)
    }
    if (ref.numel !== dim) throw wrong(file, `row ${i} has ${ref.numel} values, expected ${dim}`)
    rows.set(await file.readTensorF32(ref), i * dim)
  }
  return { ids, rows, dim, ...stamps(root) }
}

/**
 * Reads a merged file. Broad's empty ones keep all ids beside a tensor of 0 rows: those are refused.
 * @throws FeatureFileError when it has another form, or ids and rows disagree
 */
export async function decodeMerged(file: TorchFile): Promise<DecodedFeatures> {
  const root = dict(file)
  const ids = idList(file, root, ID_KEYS.merged)
  const ref = root.get('data')
  if (!(ref instanceof TensorRef) || ref.shape.length !== 2) throw wrong(file, `has no matrix under 'data'`)
  if (ref.dtype !== 'F32') throw wrong(file, `has values of type ${ref.dtype}, expected F32`)
  const [count, dim] = ref.shape as [number, number]
  if (count !== ids.length) throw wrong(file, `has ${ids.length} ids but ${count} rows`)
  return { ids, rows: await file.readTensorF32(ref), dim, ...stamps(root) }
}

/**
 * Reads Broad's incremental `batch_NNNNN.pt`: a numpy matrix under 'embeddings' and 'sequence_ids'.
 * @throws FeatureFileError when it has another form
 */
export async function decodeBroadBatch(file: TorchFile): Promise<FeatureTable> {
  const root = dict(file)
  const ids = idList(file, root, 'sequence_ids')
  const array = root.get('embeddings')
  const matrix = array instanceof NumpyArray && array.dtype === '<f4' && array.shape.length === 2
  if (!matrix || array.fortranOrder) throw wrong(file, `has no float32 matrix under 'embeddings'`)
  const [count, dim] = array.shape as [number, number]
  if (count !== ids.length) throw wrong(file, `has ${ids.length} ids but ${count} rows`)
  return { ids, rows: toFloat32(array.data, 'F32'), dim }
}
