import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isFastaOfRun } from '../checkpoint/index.ts'
import { FILES, type FileName, type LayoutName, type OutputPaths } from '../layout/index.ts'
import type { FeatureTable } from '../torchfile/index.ts'
import { idProblem, type PartFasta, readPartFasta } from './part-fasta.ts'
import { areEqual, KINDS, type LegacyContent, readLegacyFile, rowsById } from './read.ts'
import {
  batchFiles,
  LAYOUTS,
  NAMES,
  namesIn,
  type OldRun,
  pathsOf,
  RESUMED,
  wasResumedByBroad,
} from './runs.ts'
import { mergedFaults } from './verify.ts'

/** A file that the migration makes. */
export interface PlannedFile {
  file: FileName | 'batch'
  /** What it is made of; of vectors in Broad's batches, the FASTA of their part. */
  from: string
  to: string
  /** Gives the order of the rows. */
  fasta?: string
  /** Its vectors are in Broad's batches. */
  isGathered?: boolean
}

/** What becomes of the files of a run. */
export interface RunPlan {
  run: OldRun
  to: OutputPaths
  files: PlannedFile[]
  /** Broad's batches of this run. */
  batches: string[]
  /** Parts whose batches stay as they are, because some of the part's vectors were never computed. */
  incompleteParts: number
  /** Files that must not be used, with the reason. */
  faults: { path: string; text: string }[]
  /** Old names that are none in the new layout. */
  obsolete: string[]
}

/** Reads all of a run and decides what becomes of each file. */
export async function planRun(run: OldRun, layout: LayoutName, signal?: AbortSignal): Promise<RunPlan> {
  const plan: RunPlan = {
    run,
    to: pathsOf(run, layout),
    files: [],
    batches: [],
    incompleteParts: 0,
    faults: [],
    obsolete: [],
  }
  for (const file of Object.keys(FILES) as FileName[]) await planFile(plan, file)
  await planParts(plan, signal)
  await planBatches(plan, signal)
  return plan
}

/** How a file that a run has once, and that stays, is moved; the state of Broad's fork is written for itself. */
async function planFile({ run, to, files, faults, obsolete }: RunPlan, file: FileName): Promise<void> {
  const { folder, role } = FILES[file]
  const target = to[file]
  if (typeof target !== 'string' || folder === 'report' || role === 'shared') return
  // The calls of chunks are made from those of frames.
  if (file === 'consensus' && !files.some((each) => each.file === 'predictions')) return
  for (const from of new Set(LAYOUTS.map((layout) => pathsOf(run, layout)[file] as string))) {
    if (!existsSync(from)) continue
    if (!(await isContent(file, from))) {
      faults.push({ path: from, text: FOREIGN })
      continue
    }
    files.push({ file, from, to: target })
    if (from !== target) obsolete.push(from)
  }
}

const FOREIGN = 'is not a file of a run: move it away'

async function isContent(file: FileName, path: string): Promise<boolean> {
  const { content } = FILES[file]
  return content === 'chunks' || content === 'frames' ? await isFastaOfRun(path, content) : true
}

async function planParts(plan: RunPlan, signal?: AbortSignal): Promise<void> {
  const { run, to } = plan
  const resumed = await wasResumedByBroad(run.root)
  for (const folder of [to.nucleotideFolder, to.proteinFolder, ...run.mergedFolders]) {
    for (const name of await namesIn(folder)) {
      signal?.throwIfAborted()
      const path = join(folder, name)
      if (NAMES.fasta.test(name)) await planFasta(plan, path)
      if (NAMES.marker.test(name) && statSync(path).size === 0) plan.obsolete.push(path)
      if (NAMES.checkpoint.test(name)) await planCheckpoint(plan, path, resumed)
    }
  }
}

async function planFasta({ to, files, faults }: RunPlan, path: string): Promise<void> {
  const file = dirname(path) === to.proteinFolder ? 'proteinPart' : 'nucleotidePart'
  if (await isContent(file, path)) files.push({ file, from: path, to: path })
  else faults.push({ path, text: FOREIGN })
}

async function planCheckpoint(plan: RunPlan, path: string, resumed: boolean): Promise<void> {
  const { run, to, files, faults, obsolete } = plan
  const content = await readLegacyFile(path, run.layout)
  const { kind, part } = content.file
  const fasta = kind === 'esm' ? to.proteinPart : to.nucleotidePart
  const records = kind === 'merged' || part === undefined ? undefined : await readPartFasta(fasta(part))
  const problem = content.file.problem ?? (await reasonNotToMove(content, records, resumed))
  if (problem !== undefined) return void faults.push({ path, text: problem })
  const file = KINDS[kind as 'dnabert' | 'esm' | 'merged'].file
  const target = to[file](part as number)
  const twin = files.find((other) => other.to === target)
  if (twin === undefined) {
    files.push({ file, from: path, to: target, ...(records && { fasta: records.path }) })
    if (path !== target) obsolete.push(path)
    return
  }
  const other = (await readLegacyFile(twin.from, run.layout)).table
  if (other === undefined || !sameVectors(content.table as FeatureTable, other))
    return void faults.push({ path, text: `and ${twin.from} are both for ${target}` })
  // A migration that was interrupted leaves old and new names of the same file.
  obsolete.push(path === target ? twin.from : path)
}

async function reasonNotToMove(
  { file, table }: LegacyContent,
  records: PartFasta | undefined,
  resumed: boolean,
): Promise<string | undefined> {
  const { kind, part } = file
  if (kind === undefined || kind === 'batch' || part === undefined || table === undefined)
    return 'is not the checkpoint of a part'
  if (kind === 'merged') return (await mergedFaults(file, table))[0]
  return kind === 'esm' && resumed ? RESUMED : records && idProblem(file, records)
}

function sameVectors(a: FeatureTable, b: FeatureTable): boolean {
  const [rowOf, otherOf] = [rowsById(a), rowsById(b)]
  return (
    a.ids.length === b.ids.length && a.ids.every((id) => areEqual(rowOf(id) as Float32Array, otherOf(id)))
  )
}

/** A part whose protein vectors are all in Broad's batches, and in no file of its own, is gathered from them. */
async function planBatches(plan: RunPlan, signal?: AbortSignal): Promise<void> {
  const found = await batchFiles(plan.run.root)
  if (found.length === 0) return
  const { to, files, batches } = plan
  const parts = await partsWithoutVectors(plan)
  const ids = await idsIn(plan, found, parts, signal)
  for (const { part, fasta } of parts) {
    const isWhole = [...fasta.sequences.keys()].every((id) => ids.has(id))
    if (isWhole) files.push({ file: 'esmPart', from: fasta.path, to: to.esmPart(part), isGathered: true })
    else plan.incompleteParts++
  }
  // They hold the only copy of what has been computed of the other parts.
  if (plan.incompleteParts > 0)
    for (const path of batches) files.push({ file: 'batch', from: path, to: path })
}

/** All ids in the batches of the run, which are found on the way. */
async function idsIn(
  { batches, faults }: RunPlan,
  found: readonly string[],
  parts: readonly { fasta: PartFasta }[],
  signal?: AbortSignal,
): Promise<Set<string>> {
  const ids = new Set<string>()
  for (const path of found) {
    signal?.throwIfAborted()
    const { file } = await readLegacyFile(path, 'broad')
    if (file.problem !== undefined) faults.push({ path, text: file.problem })
    // Batches say nothing about the run they are of: those of another one have none of these ids.
    else if (file.ids.some((id) => parts.some(({ fasta }) => fasta.sequences.has(id)))) {
      batches.push(path)
      for (const id of file.ids) ids.add(id)
    }
  }
  return ids
}

async function partsWithoutVectors({ to, files }: RunPlan): Promise<{ part: number; fasta: PartFasta }[]> {
  const parts: { part: number; fasta: PartFasta }[] = []
  for (const { file, from } of files) {
    const part = Number(NAMES.fasta.exec(basename(from))?.[1])
    if (file !== 'proteinPart' || files.some((each) => each.to === to.esmPart(part))) continue
    const fasta = await readPartFasta(from)
    if (fasta !== undefined) parts.push({ part, fasta })
  }
  return parts
}
