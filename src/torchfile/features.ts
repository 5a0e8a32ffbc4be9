import { toFloat32 } from './dtype.ts'
import { FeatureFileError } from './errors.ts'
import { PyFloatList, PyString, TensorData, type Writable } from './pickle-writer.ts'
import { shown } from './shown.ts'
import { TensorRef } from './tensor.ts'
import type { TorchFile } from './torch-file.ts'
import { encodeTorchZip, type TorchSaveOptions, writeTorchZip } from './torch-save.ts'
import { NumpyArray, type PyValue } from './values.ts'
import type { ByteSink } from './zip-writer.ts'

/** Vectors by sequence id, as all three kinds of VirNucPro feature files hold them. */
export interface FeatureTable {
  /** One id per row, in file order. */
  readonly ids: readonly string[]
  /** Row-major [ids.length, dim]; values may be NaN. */
  readonly rows: Float32Array
  /** 768 DNABERT-S, 2560 ESM-2 3B, 3328 merged; other models have other sizes. */
  readonly dim: number
}

/** How a feature file is written. */
export interface FeatureFileOptions extends TorchSaveOptions {
  /**
   * Adds Broad's trailing `'version': '1.0', 'status': 'complete'`.
   * @default false, as the original writes and Broad's ESM v2
   */
  stamp?: boolean
  /** Further text entries at the end of the dict, for readers who look inside. */
  notes?: Readonly<Record<string, string>>
}

/** The three kinds: nucleotide vectors as lists of floats, protein vectors as one tensor each, both joined as one tensor. */
export type FeatureKind = 'dnabert' | 'esm' | 'merged'

/** First key of each kind; the file's name does not say, Broad calls some ESM files `_DNABERT`. */
const ID_KEYS = { dnabert: 'nucleotide', esm: 'proteins', merged: 'ids' } as const

/** The object Python would pickle, with the same objects shared. */
function featureObject(kind: FeatureKind, table: FeatureTable, options: FeatureFileOptions): Writable {
  const { rows, dim } = table
  const count = table.ids.length
  if (!Number.isSafeInteger(dim) || dim < 0 || rows.length !== count * dim)
    throw new FeatureFileError(
      options.archiveName,
      `${count} ids of ${dim} values each need ${count * dim} values, got ${rows.length}`,
      { advice: 'This is a defect of the caller.' },
    )
  const ids = table.ids.map((id) => new PyString(id))
  const row = (i: number) => rows.subarray(i * dim, (i + 1) * dim)
  const data: Record<FeatureKind, () => Writable> = {
    // Each label is the very object of the id list, so it is written as a reference.
    dnabert: () =>
      ids.map((id, i) =>
        dict([
          ['label', id],
          ['mean_representation', new PyFloatList(row(i))],
        ]),
      ),
    esm: () => ids.map((_, i) => new TensorData(row(i), [dim])),
    merged: () => new TensorData(rows, [count, dim]),
  }
  const stamp = options.stamp ? { version: '1.0', status: 'complete' } : {}
  return dict([
    [ID_KEYS[kind], ids],
    ['data', data[kind]()],
    ...Object.entries({ ...stamp, ...options.notes }),
  ])
}

const dict = (entries: [Writable, Writable][]) => new Map(entries)

/**
 * Writes a feature file through a sink; beside the table itself about 1 MiB and the objects of the rows are held.
 * @throws FeatureFileError when rows and ids do not agree
 */
export async function writeFeatureFile(
  kind: FeatureKind,
  table: FeatureTable,
  sink: ByteSink,
  options: FeatureFileOptions,
): Promise<void> {
  await writeTorchZip(featureObject(kind, table, options), sink, options)
}

async function encoded(kind: FeatureKind, table: FeatureTable, options: FeatureFileOptions) {
  return await encodeTorchZip(featureObject(kind, table, options), options)
}

/** `output_N_DNABERT_S.pt`: `{'nucleotide': [id], 'data': [{'label': id, 'mean_representation': [float]}]}` */
export function encodeDnabertFile(table: FeatureTable, options: FeatureFileOptions): Promise<Uint8Array> {
  return encoded('dnabert', table, options)
}

/** `output_N_ESM.pt`: `{'proteins': [id], 'data': [Tensor float32 (dim,)]}` */
export function encodeEsmFile(table: FeatureTable, options: FeatureFileOptions): Promise<Uint8Array> {
  return encoded('esm', table, options)
}

/** `output_N_merged.pt`: `{'ids': [id], 'data': Tensor float32 (n, dim)}` */
export function encodeMergedFile(table: FeatureTable, options: FeatureFileOptions): Promise<Uint8Array> {
  return encoded('merged', table, options)
}

/** A feature table with what the file says of itself. */
export interface DecodedFeatures extends FeatureTable {
  /** `version` entry; undefined in files of the original and of Broad before 1.0. */
  readonly version: string | undefined
  /** `status` entry: `complete`, or `in_progress` when Broad was stopped while writing. */
  readonly status: string | undefined
}

/** Which kind of feature file this is, by its keys; undefined for anything else. */
export function featureKind({ root }: TorchFile): FeatureKind | undefined {
  if (!(root instanceof Map) || !root.has('data')) return undefined
  return (Object.keys(ID_KEYS) as FeatureKind[]).find((kind) => root.has(ID_KEYS[kind]))
}

function wrong(file: TorchFile, problem: string): FeatureFileError {
  return new FeatureFileError(file.path, problem, {
    advice: 'Delete it and run the step again that writes it.',
  })
}

/** The parts that all feature files have. */
function contentOf(file: TorchFile, idKey: string, dataKey = 'data') {
  const { root } = file
  if (!(root instanceof Map)) throw wrong(file, 'holds no dict')
  const ids = root.get(idKey)
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string'))
    throw wrong(file, `has no list of ids under '${idKey}'`)
  const text = (key: string) => {
    const value = root.get(key)
    return typeof value === 'string' ? value : undefined
  }
  return { ids, data: root.get(dataKey), stamps: { version: text('version'), status: text('status') } }
}

/** A table from rows of one length; the first one says which. */
async function decodeRows(
  file: TorchFile,
  kind: FeatureKind,
  valuesOf: (row: PyValue, i: number, id: string) => Promise<ArrayLike<number>>,
): Promise<DecodedFeatures> {
  const { ids, data, stamps } = contentOf(file, ID_KEYS[kind])
  if (!Array.isArray(data)) throw wrong(file, `has no list under 'data'`)
  if (data.length !== ids.length) throw wrong(file, `has ${ids.length} ids but ${data.length} rows`)
  let rows = new Float32Array(0)
  let dim = 0
  for (const [i, row] of data.entries()) {
    const values = await valuesOf(row, i, ids[i]!)
    if (i === 0) {
      dim = values.length
      rows = new Float32Array(ids.length * dim)
    }
    if (values.length !== dim) throw wrong(file, `row ${i} has ${values.length} values, expected ${dim}`)
    rows.set(values, i * dim)
  }
  return { ids, rows, dim, ...stamps }
}

/**
 * Reads a DNABERT-S file. Its floats are float64 in the file and exact float32 values in all known files.
 * @throws FeatureFileError when it has another form, a label differs from its id, or rows differ in length
 */
export async function decodeDnabert(file: TorchFile): Promise<DecodedFeatures> {
  return await decodeRows(file, 'dnabert', async (row, i, id) => {
    const values = row instanceof Map ? row.get('mean_representation') : undefined
    if (!(row instanceof Map) || !Array.isArray(values))
      throw wrong(file, `row ${i} has no 'mean_representation'`)
    if (row.get('label') !== id)
      throw wrong(file, `row ${i} is labelled ${shown(row.get('label'))}, expected ${id}`)
    if (!values.every((value) => typeof value === 'number'))
      throw wrong(file, `row ${i} has a value that is not a number`)
    return values
  })
}

/**
 * Reads an ESM-2 file, in its own order of ids.
 * @throws FeatureFileError when it has another form, or rows differ in length or are not float32
 */
export async function decodeEsm(file: TorchFile): Promise<DecodedFeatures> {
  return await decodeRows(file, 'esm', async (row, i) => {
    if (!(row instanceof TensorRef) || row.shape.length !== 1) throw wrong(file, `row ${i} is not a vector`)
    if (row.dtype !== 'F32') throw wrong(file, `row ${i} has type ${row.dtype}, expected F32`)
    return await file.readTensorF32(row)
  })
}

/**
 * Reads a merged file. Broad's empty ones keep all ids beside a tensor of 0 rows: those are refused.
 * @throws FeatureFileError when it has another form, or ids and rows disagree
 */
export async function decodeMerged(file: TorchFile): Promise<DecodedFeatures> {
  const { ids, data, stamps } = contentOf(file, ID_KEYS.merged)
  if (!(data instanceof TensorRef) || data.shape.length !== 2) throw wrong(file, `has no matrix under 'data'`)
  if (data.dtype !== 'F32') throw wrong(file, `has values of type ${data.dtype}, expected F32`)
  const [count, dim] = data.shape as [number, number]
  if (count !== ids.length) throw wrong(file, `has ${ids.length} ids but ${count} rows`)
  return { ids, rows: await file.readTensorF32(data), dim, ...stamps }
}

/**
 * Reads Broad's incremental `batch_NNNNN.pt`: a numpy matrix under 'embeddings' and 'sequence_ids'.
 * @throws FeatureFileError when it has another form
 */
export async function decodeBroadBatch(file: TorchFile): Promise<FeatureTable> {
  const { ids, data } = contentOf(file, 'sequence_ids', 'embeddings')
  const isMatrix = data instanceof NumpyArray && data.dtype === '<f4' && data.shape.length === 2
  if (!isMatrix || data.fortranOrder) throw wrong(file, `has no float32 matrix under 'embeddings'`)
  const [count, dim] = data.shape as [number, number]
  if (count !== ids.length) throw wrong(file, `has ${ids.length} ids but ${count} rows`)
  return { ids, rows: toFloat32(data.data, 'F32'), dim }
}
