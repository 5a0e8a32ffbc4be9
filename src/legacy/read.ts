import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { LayoutName } from '../layout/index.ts'
import { messageOf } from '../system/problems.ts'
import {
  decodeBroadBatch,
  decodeDnabert,
  decodeEsm,
  decodeMerged,
  FeatureFileError,
  type FeatureTable,
  featureKind,
  NumpyArray,
  openTorchFile,
  type PyValue,
  TensorRef,
  type TorchFile,
  TorchFileError,
  UnsafePickleError,
} from '../torchfile/index.ts'

/** What a checkpoint file holds: its name in the catalogue of files, the model its vectors are of, how it is read. */
export const KINDS = {
  dnabert: { file: 'dnabertPart', model: 'dnabert_s', decode: decodeDnabert },
  esm: { file: 'esmPart', model: 'esm2', decode: decodeEsm },
  merged: { file: 'mergedPart', model: undefined, decode: decodeMerged },
  /** One of the increments of Broad's second ESM path. */
  batch: { file: undefined, model: 'esm2', decode: decodeBroadBatch },
} as const

export type LegacyKind = keyof typeof KINDS

/** One `.pt` file of an old run and what is to be thought of it. */
export interface LegacyFile {
  path: string
  /** By the keys, never by the name; undefined where the file cannot be read. */
  kind: LegacyKind | undefined
  layout: LayoutName
  /** Number of the part, or of the batch; undefined where the name has none. */
  part: number | undefined
  ids: string[]
  /** Values of one row; 0 where the file cannot be read. */
  dim: number
  /** `0.x` where the file says nothing: the original's, and Broad's before 1.0. */
  version: string
  /** Broad's `complete` or `in_progress`; undefined where the file says nothing. */
  status: string | undefined
  /** Whether Broad's empty `.done` is beside it: a hint, never a proof. */
  done: boolean
  bytes: number
  /** Why it cannot be used; undefined for a whole file. */
  problem: string | undefined
  /** Whether the problem is lost or changed bytes: such a file is of no use to anybody. */
  damaged: boolean
  /** What is odd about a file that can be used. */
  warnings: string[]
}

/** A checkpoint file and, where it is whole, what it holds. */
export interface LegacyContent {
  file: LegacyFile
  table: FeatureTable | undefined
  /** Other text in the dict, such as the mark of a demonstration. */
  notes: Record<string, string>
}

/** What is wrong with a file, without its name. */
class Problem extends Error {}

/** Bytes are missing or changed. */
class Damage extends Problem {}

/**
 * Reads one file of any kind, every byte of it checked. Never throws for what is wrong with the file: that is
 * its `problem`. Nothing in the file is run, and memory stays within a few times its size.
 */
export async function readLegacyFile(path: string, layout: LayoutName): Promise<LegacyContent> {
  const file = unread(path, layout)
  const notes: Record<string, string> = {}
  try {
    const table = await read(file, notes)
    if (layout === 'broad' && !file.done && file.version === '1.0')
      file.warnings.push('has no .done beside it; its content is whole')
    return { file, table, notes }
  } catch (error) {
    file.problem = describe(error)
    file.damaged = error instanceof Damage || isDamage(error)
    if (file.done && file.damaged) file.problem += ', although a .done beside it says that it is whole'
    return { file, table: undefined, notes }
  }
}

/** A file of which nothing is known but its name. */
export function unread(path: string, layout: LayoutName): LegacyFile {
  return {
    path,
    kind: undefined,
    layout,
    part: partNumber(path),
    ids: [],
    dim: 0,
    version: UNVERSIONED,
    status: undefined,
    done: existsSync(`${path}.done`),
    bytes: 0,
    problem: undefined,
    damaged: false,
    warnings: [],
  }
}

/** `output_3_ESM.pt` is part 3, `batch_00012.pt` is batch 12. */
function partNumber(path: string): number | undefined {
  const digits = /^(?:output|batch)_(\d{1,9})[._]/.exec(basename(path))?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function describe(error: unknown): string {
  if (error instanceof TorchFileError) return error.problem
  return messageOf(error)
}

/** A pickle that asks for more than data, or tables of another form, may be whole files of something else. */
function isDamage(error: unknown): boolean {
  return (
    error instanceof TorchFileError &&
    !(error instanceof UnsafePickleError) &&
    !(error instanceof FeatureFileError) &&
    !/^(cannot be opened|is not a regular file)/.test(error.problem)
  )
}

async function read(file: LegacyFile, notes: Record<string, string>): Promise<FeatureTable> {
  file.bytes = (await stat(file.path)).size
  if (file.bytes === 0) throw new Damage('is empty (0 bytes): the run that made it was stopped')
  const torch = await openTorchFile(file.path, { strict: true })
  try {
    await torch.verify()
    if (torch.format === 'legacy')
      file.warnings.push('has no checksums: it is in the format of torch before 1.6')
    return await decode(file, torch, notes)
  } finally {
    await torch.close()
  }
}

async function decode(
  file: LegacyFile,
  torch: TorchFile,
  notes: Record<string, string>,
): Promise<FeatureTable> {
  const { root } = torch
  if (!(root instanceof Map)) throw new Problem('holds no dict')
  file.kind = kindOf(torch, root)
  file.version = root.has('version') ? printable(root.get('version')) : UNVERSIONED
  const status = root.get('status')
  if (typeof status === 'string') file.status = status
  checkVersion(root.get('version'))
  checkStatus(status, file)
  checkClaims(file.kind, root, file.bytes)
  const table = await KINDS[file.kind].decode(torch)
  checkIds(table)
  for (const [key, value] of root) {
    if (typeof key !== 'string' || typeof value !== 'string') continue
    if (key !== 'version' && key !== 'status') notes[key] = value
  }
  file.ids = [...table.ids]
  file.dim = table.dim
  return table
}

type Dict = ReadonlyMap<PyValue, PyValue>

function kindOf(torch: TorchFile, root: Dict): LegacyKind {
  const kind = featureKind(torch)
  if (kind !== undefined) return kind
  if (root.has('embeddings') && root.has('sequence_ids')) return 'batch'
  throw new Problem("lacks the keys of a checkpoint ('data' with 'nucleotide', 'proteins' or 'ids')")
}

/**
 * A few bytes of pickle can name one tensor or list a million times, or stretch one value to a vector by a
 * stride of zero. Values that the file has no bytes for are never allocated.
 */
function checkClaims(kind: LegacyKind, root: Dict, bytes: number): void {
  const data = root.get(kind === 'batch' ? 'embeddings' : 'data')
  let claimed = 0
  for (const row of Array.isArray(data) ? data : [data]) {
    claimed += claimOf(row)
    if (claimed > bytes) throw new Problem(`claims more values than its ${bytes} bytes can hold`)
  }
}

/** Bytes that the values of a row need in the file, at least. */
function claimOf(row: PyValue | undefined): number {
  if (row instanceof NumpyArray) return row.data.length
  if (row instanceof TensorRef) {
    if (row.contiguous) return row.byteLength
    throw new Problem('has a tensor whose values do not lie side by side')
  }
  const values = row instanceof Map ? row.get('mean_representation') : undefined
  // A float of a pickle takes nine bytes, a small whole number two.
  return Array.isArray(values) ? 2 * values.length : 0
}

function checkIds({ ids, rows, dim }: FeatureTable): void {
  if (ids.length > 0 && dim === 0) throw new Problem(`has ${ids.length} ids but rows without values`)
  if (rows.length !== ids.length * dim) throw new Problem(`has ${ids.length} ids but ${rows.length} values`)
  const seen = new Set<string>()
  for (const id of ids) {
    if (id === '') throw new Problem('has a row without an id')
    if (/[\r\n]/.test(id)) throw new Problem(`has an id with a line end: ${JSON.stringify(id.slice(0, 80))}`)
    if (seen.has(id)) throw new Problem(`has the id ${id} twice`)
    seen.add(id)
  }
}

/** The version of a file that does not say one. */
const UNVERSIONED = '0.x'

/** Everything up to 1.x can be read. Broad's fork draws the same line. */
function checkVersion(version: PyValue | undefined): void {
  if (version === undefined) return
  const major = typeof version === 'string' ? /^(\d{1,9})(\.|$)/.exec(version)?.[1] : undefined
  if (major === undefined) throw new Problem(`has the version ${printable(version)}, expected one like 1.0`)
  if (Number(major) > 1)
    throw new Problem(
      `has the version ${printable(version)}, which is newer than the 1.x this program reads; it needs virnucpro ${major}.0.0 or later`,
    )
}

function checkStatus(status: PyValue | undefined, file: LegacyFile): void {
  if (status === undefined || status === 'complete') return
  if (status !== 'in_progress') throw new Problem(`has the status ${printable(status)}`)
  // Broad writes the file, then writes it again with the final status: the first is whole as well.
  file.warnings.push('its status is in_progress, its content is whole')
}

function printable(value: PyValue | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 40) : 'of no text'
}

/** The rows of a table by their ids. */
export function rowsById({ ids, rows, dim }: FeatureTable): (id: string) => Float32Array | undefined {
  const places = new Map(ids.map((id, i) => [id, i]))
  return (id) => {
    const place = places.get(id)
    return place === undefined ? undefined : rows.subarray(place * dim, (place + 1) * dim)
  }
}

/** Whether two rows have the same values; NaN equals itself. */
export function areEqual(a: Float32Array, b: Float32Array | undefined): boolean {
  return a.length === b?.length && a.every((value, i) => Object.is(value, b[i]))
}
