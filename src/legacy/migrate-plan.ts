import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isFastaOfRun } from '../checkpoint/state-files.ts'
import type { LayoutName } from '../layout/index.ts'
import type { FeatureTable } from '../torchfile/index.ts'
import { batchFiles, namesIn, runFolders, wasResumedByBroad } from './find.ts'
import { type PartFasta, readPartFasta } from './part-fasta.ts'
import { readLegacyFile } from './read.ts'
import type { OldRun } from './runs.ts'
import { idProblem } from './vectors.ts'
import { equalValues, mergedFaults } from './verify.ts'

/** Where a run's files go; all paths relative to the root of the run. */
export interface RunPlan {
  run: OldRun
  to: LayoutName
  /** Files copied byte for byte: from, to. */
  copies: [from: string, to: string][]
  /** Part FASTA files, whose lines differ in length: from, to. */
  fastas: [from: string, to: string][]
  checkpoints: CheckpointPlan[]
  /** Parts whose protein vectors are gathered from Broad's batches. */
  gathered: { part: number; fasta: string; to: string }[]
  batches: string[]
  /** Parts and batches that stay as they are, because some of the part's vectors were never computed. */
  incompleteParts: number[]
  tables: { from: string; to: string } | undefined
  /** Files that must not be used, with the reason. */
  faults: { path: string; text: string }[]
  /** Old names that are none in the new layout. */
  obsolete: string[]
}

export interface CheckpointPlan {
  from: string
  to: string
  kind: 'dnabert' | 'esm' | 'merged'
  part: number
  /** Gives the order of the rows. */
  fasta: string | undefined
}

/** Reads all of a run and decides what becomes of each file. */
export async function planRun(run: OldRun, to: LayoutName, signal?: AbortSignal): Promise<RunPlan> {
  const plan: RunPlan = {
    run,
    to,
    copies: [],
    fastas: [],
    checkpoints: [],
    gathered: [],
    batches: [],
    incompleteParts: [],
    tables: undefined,
    faults: [],
    obsolete: [],
  }
  await planSequences(plan)
  await planParts(plan, signal)
  await planBatches(plan, signal)
  for (const folder of run.mergedFolders) planResults(plan, folder)
  return plan
}

/** Names of the files of stages one and two in each layout. */
function frameFiles(stem: string, layout: LayoutName): [string, string] {
  return layout === 'broad'
    ? [`${stem}_nucleotide.fa`, `${stem}_protein.faa`]
    : [`${stem}_identified_nucleotide.fa`, `${stem}_identified_protein.faa`]
}

const FOREIGN = 'is no file of a run: move it away'

async function planSequences({ run, to, copies, obsolete, faults }: RunPlan): Promise<void> {
  const { root, stem, chunked } = run
  if (chunked !== undefined) {
    if (await isFastaOfRun(chunked, 'chunks')) copies.push([chunked, chunked])
    else faults.push({ path: chunked, text: FOREIGN })
  }
  const targets = frameFiles(stem, to)
  for (const layout of ['vanilla', 'broad'] as const) {
    for (const [i, name] of frameFiles(stem, layout).entries()) {
      const from = join(root, name)
      if (!existsSync(from)) continue
      if (!(await isFastaOfRun(from, 'frames'))) {
        faults.push({ path: from, text: FOREIGN })
        continue
      }
      copies.push([from, join(root, targets[i] as string)])
      if (name !== targets[i]) obsolete.push(from)
    }
  }
  const invalid = join(root, `${stem}_invalid_records.tsv`)
  if (existsSync(invalid)) copies.push([invalid, invalid])
}

async function planParts(plan: RunPlan, signal?: AbortSignal): Promise<void> {
  const { run, to } = plan
  const target = runFolders(run.root, run.stem, to)
  const resumed = await wasResumedByBroad(run.root)
  const folders = [target.nucleotide, target.protein, ...run.mergedFolders]
  for (const folder of folders) {
    for (const name of await namesIn(folder)) {
      signal?.throwIfAborted()
      const path = join(folder, name)
      if (/^output_\d+\.fa$/.test(name)) {
        if (await isFastaOfRun(path, 'frames')) plan.fastas.push([path, path])
        else plan.faults.push({ path, text: FOREIGN })
      }
      if (/^output_\d+.*\.pt\.done$/.test(name) && statSync(path).size === 0) plan.obsolete.push(path)
      if (/^output_\d+_.*\.pt$/.test(name)) await planCheckpoint(plan, path, target, resumed)
    }
  }
}

const NAMES = { dnabert: 'DNABERT_S', esm: 'ESM', merged: 'merged' }

async function planCheckpoint(
  plan: RunPlan,
  path: string,
  target: { nucleotide: string; protein: string; merged: string },
  resumed: boolean,
): Promise<void> {
  const { file, table } = await readLegacyFile(path, plan.run.layout)
  const fault = (text: string) => void plan.faults.push({ path, text })
  const { kind, part } = file
  if (file.problem !== undefined) return fault(file.problem)
  if (kind === undefined || kind === 'batch' || part === undefined || table === undefined)
    return fault('is no checkpoint of a part')
  const places = { dnabert: target.nucleotide, esm: target.protein, merged: target.merged }
  const fasta = join(kind === 'esm' ? target.protein : target.nucleotide, `output_${part}.fa`)
  const records = kind === 'merged' ? undefined : await readPartFasta(fasta)
  if (kind === 'esm' && resumed)
    return fault("is of a run that Broad's ESM path resumed, which puts vectors under the wrong ids")
  const problem =
    kind === 'merged' ? (await mergedFaults(file, table))[0] : records && idProblem(file, records)
  if (problem !== undefined) return fault(problem)
  const to = join(places[kind], `output_${part}_${NAMES[kind]}.pt`)
  const twin = plan.checkpoints.find((other) => other.to === to)
  if (twin !== undefined) {
    const other = (await readLegacyFile(twin.from, plan.run.layout)).table
    if (other === undefined || !sameVectors(table, other)) return fault(`and ${twin.from} are both for ${to}`)
    // A migration that was interrupted leaves old and new names of the same file.
    plan.obsolete.push(path === to ? twin.from : path)
    return
  }
  plan.checkpoints.push({ from: path, to, kind, part, fasta: records?.path })
  if (path !== to) plan.obsolete.push(path)
}

function sameVectors(a: FeatureTable, b: FeatureTable): boolean {
  const places = new Map(b.ids.map((id, i) => [id, i]))
  if (a.ids.length !== b.ids.length || a.dim !== b.dim) return false
  return a.ids.every((id, row) => {
    const other = places.get(id)
    const from = row * a.dim
    return other !== undefined && equalValues(a.rows, from, b.rows, other * a.dim, a.dim)
  })
}

/** A part whose protein vectors are all in Broad's batches, and in no file of its own, is gathered from them. */
async function planBatches(plan: RunPlan, signal?: AbortSignal): Promise<void> {
  const { protein, state } = runFolders(plan.run.root, plan.run.stem, plan.to)
  const files = await batchFiles(state)
  const parts: { part: number; fasta: PartFasta }[] = []
  for (const [path] of plan.fastas) {
    const part = Number(/output_(\d+)\.fa$/.exec(path)?.[1])
    const isThere = plan.checkpoints.some((file) => file.kind === 'esm' && file.part === part)
    if (!path.startsWith(`${protein}/`) || isThere) continue
    const fasta = await readPartFasta(path)
    if (fasta !== undefined) parts.push({ part, fasta })
  }
  if (files.length === 0) return
  const ids = new Set<string>()
  for (const path of files) {
    signal?.throwIfAborted()
    const { file } = await readLegacyFile(path, 'broad')
    if (file.problem !== undefined) {
      plan.faults.push({ path, text: file.problem })
      continue
    }
    // Batches say nothing about the run they are of: those of another one have none of these ids.
    if (!file.ids.some((id) => parts.some(({ fasta }) => fasta.sequences.has(id)))) continue
    plan.batches.push(path)
    for (const id of file.ids) ids.add(id)
  }
  for (const { part, fasta } of parts) {
    const whole = [...fasta.sequences.keys()].every((id) => ids.has(id))
    const to = join(protein, `output_${part}_ESM.pt`)
    if (whole) plan.gathered.push({ part, fasta: fasta.path, to })
    else plan.incompleteParts.push(part)
  }
  // They hold the only copy of what has been computed of the other parts.
  if (plan.incompleteParts.length > 0) {
    for (const path of plan.batches) plan.copies.push([path, path])
  }
}

function planResults(plan: RunPlan, folder: string): void {
  const { merged } = runFolders(plan.run.root, plan.run.stem, plan.to)
  const name = 'prediction_results.txt'
  if (existsSync(join(folder, name))) {
    plan.tables = { from: join(folder, name), to: join(merged, name) }
    if (folder !== merged)
      plan.obsolete.push(join(folder, name), join(folder, 'prediction_results_highestscore.csv'))
  }
  const demonstration = 'DEMONSTRATION.txt'
  if (existsSync(join(folder, demonstration)))
    plan.copies.push([join(folder, demonstration), join(merged, demonstration)])
}
