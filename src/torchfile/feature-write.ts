import { FeatureFileError } from './errors.ts'
import { PyFloatList, PyString, TensorData, type Writable } from './pickle-writer.ts'
import { encodeTorchZip, type TorchSaveOptions, writeTorchZip } from './torch-save.ts'
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

const STAMP: readonly [Writable, Writable][] = [
  ['version', '1.0'],
  ['status', 'complete'],
]

function checked(table: FeatureTable, options: FeatureFileOptions): FeatureTable {
  const { ids, rows, dim } = table
  if (Number.isSafeInteger(dim) && dim >= 0 && rows.length === ids.length * dim) return table
  throw new FeatureFileError(
    options.archiveName,
    `${ids.length} ids of ${dim} values each need ${ids.length * dim} values, got ${rows.length}`,
    { advice: 'This is a defect of the caller.' },
  )
}

/** The object Python would pickle, with the same objects shared. */
function featureObject(kind: FeatureKind, table: FeatureTable, options: FeatureFileOptions): Writable {
  const { rows, dim } = table
  const ids = table.ids.map((id) => new PyString(id))
  const row = (i: number) => rows.subarray(i * dim, (i + 1) * dim)
  const end: [Writable, Writable][] = [
    ...(options.stamp ? STAMP : []),
    ...Object.entries(options.notes ?? {}),
  ]
  switch (kind) {
    case 'dnabert': {
      // Each label is the very object of the id list, so it is written as a reference.
      const data = ids.map(
        (id, i) =>
          new Map<Writable, Writable>([
            ['label', id],
            ['mean_representation', new PyFloatList(row(i))],
          ]),
      )
      return new Map<Writable, Writable>([['nucleotide', ids], ['data', data], ...end])
    }
    case 'esm': {
      const data = ids.map((_, i) => new TensorData(row(i), [dim]))
      return new Map<Writable, Writable>([['proteins', ids], ['data', data], ...end])
    }
    case 'merged':
      return new Map<Writable, Writable>([
        ['ids', ids],
        ['data', new TensorData(rows, [ids.length, dim])],
        ...end,
      ])
  }
}

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
  const value = featureObject(kind, checked(table, options), options)
  await writeTorchZip(value, sink, options)
}

async function encode(
  kind: FeatureKind,
  table: FeatureTable,
  options: FeatureFileOptions,
): Promise<Uint8Array> {
  return encodeTorchZip(featureObject(kind, checked(table, options), options), options)
}

/** `output_N_DNABERT_S.pt`: `{'nucleotide': [id], 'data': [{'label': id, 'mean_representation': [float]}]}` */
export function encodeDnabertFile(table: FeatureTable, options: FeatureFileOptions): Promise<Uint8Array> {
  return encode('dnabert', table, options)
}

/** `output_N_ESM.pt`: `{'proteins': [id], 'data': [Tensor float32 (dim,)]}` */
export function encodeEsmFile(table: FeatureTable, options: FeatureFileOptions): Promise<Uint8Array> {
  return encode('esm', table, options)
}

/** `output_N_merged.pt`: `{'ids': [id], 'data': Tensor float32 (n, dim)}` */
export function encodeMergedFile(table: FeatureTable, options: FeatureFileOptions): Promise<Uint8Array> {
  return encode('merged', table, options)
}
