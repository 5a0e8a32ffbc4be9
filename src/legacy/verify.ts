import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { FeatureTable } from '../torchfile/index.ts'
import { wasResumedByBroad } from './find.ts'
import { partFastaOf, readPartFasta } from './part-fasta.ts'
import { readLegacyFile } from './read.ts'
import { runsIn } from './runs.ts'
import { readFolder, scanFolder } from './scan.ts'
import type { LegacyFile, LegacyKind } from './types.ts'
import { idProblem, TIME_TOLERANCE } from './vectors.ts'

/** What `verify` has to say about one file; a fault makes the whole folder fail. */
export interface Finding {
  path: string
  level: 'fault' | 'warning'
  text: string
}

export interface Verification {
  /** Checkpoint files looked at, markers without data included. */
  files: number
  /** How many of them have a fault. */
  faulty: number
}

/**
 * Reads every checkpoint below a folder and checks all there is to check: each byte, ids against the part FASTA
 * beside it, one width for all files of a kind, merged rows against the vectors they are made of, and the logs
 * of Broad's fork for a resume that mixed up ids.
 */
export async function verifyFolder(
  folder: string,
  report: (finding: Finding) => void,
  signal?: AbortSignal,
): Promise<Verification> {
  const found = await scanFolder(folder)
  const widths = new Map<string, { dim: number; path: string }>()
  const resumed = new Map<string, boolean>()
  const totals: Verification = { files: 0, faulty: 0 }
  for await (const { file, table } of readFolder(found, signal)) {
    totals.files++
    const faults = file.problem === undefined ? [] : [file.problem]
    for (const text of file.warnings) report({ path: file.path, level: 'warning', text })
    if (table !== undefined) {
      faults.push(...(await neighbourFaults(file, table, report)))
      const width = widthFault(file, widths)
      if (width !== undefined) faults.push(width)
      if (file.kind === 'esm' && (await isScrambled(dirname(dirname(file.path)), resumed)))
        faults.push("is of a run that Broad's ESM path resumed, which puts vectors under the wrong ids")
    }
    for (const text of faults) report({ path: file.path, level: 'fault', text })
    if (faults.length > 0) totals.faulty++
  }
  return totals
}

async function isScrambled(root: string, known: Map<string, boolean>): Promise<boolean> {
  const before = known.get(root)
  if (before !== undefined) return before
  const resumed = await wasResumedByBroad(root)
  known.set(root, resumed)
  return resumed
}

/** All files of one run and model have vectors of one width; batches are those of the protein model. */
function widthFault(
  file: LegacyFile,
  widths: Map<string, { dim: number; path: string }>,
): string | undefined {
  if (file.ids.length === 0 || file.kind === undefined) return undefined
  const isBatch = file.kind === 'batch'
  const root = isBatch ? dirname(dirname(dirname(file.path))) : dirname(dirname(file.path))
  const key = `${root}\n${isBatch ? 'esm' : file.kind}`
  const first = widths.get(key)
  if (first === undefined) widths.set(key, { dim: file.dim, path: file.path })
  else if (first.dim !== file.dim)
    return `has vectors of ${file.dim} values, ${first.path} has vectors of ${first.dim}`
  return undefined
}

async function neighbourFaults(
  file: LegacyFile,
  table: FeatureTable,
  report: (finding: Finding) => void,
): Promise<string[]> {
  if (file.kind === 'merged') return mergedFaults(file, table)
  const faults: string[] = []
  const folder = basename(dirname(file.path))
  const other: [LegacyKind, RegExp, string][] = [
    ['dnabert', /_protein$/, 'holds nucleotide vectors among the protein parts'],
    ['esm', /_nucleotide$/, 'holds protein vectors among the nucleotide parts'],
  ]
  for (const [kind, name, text] of other) if (file.kind === kind && name.test(folder)) faults.push(text)
  const fasta = await readPartFasta(partFastaOf(file.path) ?? '')
  if (fasta === undefined) return faults
  const problem = idProblem(file, fasta)
  if (problem !== undefined) faults.push(problem)
  if (fasta.modified > (await stat(file.path)).mtimeMs + TIME_TOLERANCE) {
    const text = `is older than ${fasta.path}: it may be of an earlier input`
    report({ path: file.path, level: 'warning', text })
  }
  return faults
}

/** A merged file holds, under each id, the nucleotide vector and the protein vector one after the other. */
export async function mergedFaults(file: LegacyFile, merged: FeatureTable): Promise<string[]> {
  const sources = await sourcesOf(file)
  if (sources === undefined) return []
  const [dna, esm] = sources
  if (dna.ids.length !== merged.ids.length)
    return [`has ${merged.ids.length} ids, the nucleotide vectors of its part have ${dna.ids.length}`]
  if (dna.dim + esm.dim !== merged.dim && merged.ids.length > 0)
    return [`has rows of ${merged.dim} values, its parts have ${dna.dim} and ${esm.dim}`]
  const places = [dna, esm].map(({ ids }) => new Map(ids.map((id, i) => [id, i])))
  for (const [row, id] of merged.ids.entries()) {
    const [i, j] = places.map((place) => place.get(id))
    if (i === undefined || j === undefined)
      return [`has the id ${id}, which the vectors of its part have not`]
    const at = row * merged.dim
    const same =
      equalValues(merged.rows, at, dna.rows, i * dna.dim, dna.dim) &&
      equalValues(merged.rows, at + dna.dim, esm.rows, j * esm.dim, esm.dim)
    if (!same) return [`is not made of the vectors of its part (first at ${id}): it is of another run`]
  }
  return []
}

/** Equal values at two places; a value that is no number equals itself. */
export function equalValues(
  a: Float32Array,
  from: number,
  b: Float32Array,
  start: number,
  length: number,
): boolean {
  for (let i = 0; i < length; i++) if (!Object.is(a[from + i], b[start + i])) return false
  return true
}

/** The whole nucleotide and protein files of a merged file's part; undefined unless both are there. */
async function sourcesOf(file: LegacyFile): Promise<[FeatureTable, FeatureTable] | undefined> {
  const folder = dirname(file.path)
  if (file.part === undefined) return undefined
  const siblings = await partFolders(folder)
  const tables: (FeatureTable | undefined)[] = []
  for (const [kind, place, names] of [
    ['dnabert', siblings.nucleotide, ['DNABERT_S', 'DNABERT']],
    ['esm', siblings.protein, ['ESM', 'DNABERT']],
  ] as const) {
    let table: FeatureTable | undefined
    for (const name of names) {
      const content = await readLegacyFile(join(place, `output_${file.part}_${name}.pt`), file.layout)
      if (table === undefined && content.file.kind === kind) table = content.table
    }
    tables.push(table)
  }
  const [dna, esm] = tables
  return dna === undefined || esm === undefined ? undefined : [dna, esm]
}

async function partFolders(merged: string): Promise<{ nucleotide: string; protein: string }> {
  const root = dirname(merged)
  const run = (await runsIn(root)).find(({ mergedFolders }) => mergedFolders.includes(merged))
  const stem = run?.stem ?? basename(merged).replace(/_merged$/, '')
  return { nucleotide: join(root, `${stem}_nucleotide`), protein: join(root, `${stem}_protein`) }
}
