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
import type { LegacyFile, LegacyKind } from './types.ts'
import { versionProblem, versionText } from './version.ts'

/** A checkpoint file and, where it is whole, what it holds. */
export interface LegacyContent {
  file: LegacyFile
  table: FeatureTable | undefined
  /** Other text in the dict, such as the mark of a demonstration. */
  notes: Record<string, string>
}

/** What is wrong with a file, before it is known which file. */
class Problem extends Error {}

/** Bytes are missing or changed. */
class Damage extends Problem {}

/**
 * Reads one file of any kind, every byte of it checked. Never throws for what is wrong with the file: that is
 * its `problem`. Nothing in the file is run, and memory stays within a few times its size.
 */
export async function readLegacyFile(path: string, layout: LayoutName): Promise<LegacyContent> {
  const file: LegacyFile = {
    path,
    kind: undefined,
    layout,
    part: partNumber(path),
    ids: [],
    dim: 0,
    version: versionText(undefined),
    status: undefined,
    done: existsSync(`${path}.done`),
    bytes: 0,
    problem: undefined,
    damaged: false,
    warnings: [],
  }
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
  file.version = versionText(root.get('version'))
  const status = root.get('status')
  if (typeof status === 'string') file.status = status
  const problem = versionProblem(root.get('version'))
  if (problem !== undefined) throw new Problem(problem)
  if (status !== undefined && status !== 'complete') {
    if (status !== 'in_progress') throw new Problem(`has the status ${String(status).slice(0, 40)}`)
    // Broad writes the file, then writes it again with the final status: the first is whole as well.
    file.warnings.push('its status is in_progress, its content is whole')
  }
  checkClaims(file.kind, root, file.bytes)
  const table = await decoders[file.kind](torch)
  checkIds(table)
  for (const [key, value] of root) {
    if (typeof key !== 'string' || typeof value !== 'string') continue
    if (key !== 'version' && key !== 'status') notes[key] = value
  }
  file.ids = [...table.ids]
  file.dim = table.dim
  return table
}

const decoders: Record<LegacyKind, (file: TorchFile) => Promise<FeatureTable>> = {
  dnabert: decodeDnabert,
  esm: decodeEsm,
  merged: decodeMerged,
  batch: decodeBroadBatch,
}

type Dict = ReadonlyMap<PyValue, PyValue>

function kindOf(torch: TorchFile, root: Dict): LegacyKind {
  const kind = featureKind(torch)
  if (kind !== undefined) return kind
  if (root.has('embeddings') && root.has('sequence_ids')) return 'batch'
  throw new Problem("has not the keys of a checkpoint ('data' with 'nucleotide', 'proteins' or 'ids')")
}

/**
 * A few bytes of pickle can name one tensor or list a million times, or stretch one value to a vector by a
 * stride of zero. Values that the file has no bytes for are never allocated.
 */
function checkClaims(kind: LegacyKind, root: Dict, bytes: number): void {
  let claimed = 0
  for (const row of rowsOf(root.get(kind === 'batch' ? 'embeddings' : 'data'))) {
    if (row instanceof TensorRef) {
      if (!row.contiguous) throw new Problem('has a tensor whose values do not lie side by side')
      claimed += row.byteLength
    } else if (row instanceof NumpyArray) claimed += row.data.length
    else if (row instanceof Map) {
      const values = row.get('mean_representation')
      // A float of a pickle takes nine bytes, a small whole number two.
      if (Array.isArray(values)) claimed += 2 * values.length
    }
    if (claimed > bytes) throw new Problem(`claims more values than its ${bytes} bytes can hold`)
  }
}

function rowsOf(data: PyValue | undefined): Iterable<PyValue> {
  if (Array.isArray(data)) return data
  return data === undefined ? [] : [data]
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
