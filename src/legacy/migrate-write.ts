import { createReadStream } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { formatRecord } from '../fasta/index.ts'
import { type OutputPaths, sharedFiles } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { DataError } from '../system/errors.ts'
import { readFrameScores, type ScoredFrames, scoredFrames, writeTables } from '../tables/index.ts'
import { type FeatureKind, type FeatureTable, writeFeatureFile } from '../torchfile/index.ts'
import { stateOf } from './broad-run.ts'
import type { PlannedFile, RunPlan } from './migrate-plan.ts'
import { ordered, type PartFasta, readPartFasta } from './part-fasta.ts'
import { readLegacyFile } from './read.ts'
import { pathsOf } from './runs.ts'

export interface WriteOptions {
  /** Folder that the files are written to first. */
  staging: string
  /** Folder that they will lie in. */
  root: string
  /** Called with each file, its path below the folder of the run. */
  onFile?: ((path: string) => void) | undefined
  signal?: AbortSignal | undefined
}

/** Writes all files of one run below the staging folder; returns how many. */
export async function writeRun(plan: RunPlan, options: WriteOptions): Promise<number> {
  const { run, to, files } = plan
  let written = 0
  const context: Context = {
    ...options,
    plan,
    staged: (target) => join(options.staging, relative(run.root, target)),
    done(target) {
      written++
      options.onFile?.(relative(run.root, target))
    },
  }
  for (const file of files) {
    options.signal?.throwIfAborted()
    if (!file.isGathered) await writeFile(file, context)
  }
  await writeGathered(files, context)
  if (to.layout === 'broad') {
    const state = await stateOf(plan, (path) => join(options.root, relative(run.root, path)))
    const target = sharedFiles(run.root).broadState
    await writeAtomically(context.staged(target), state.toJson())
    context.done(target)
  }
  return written
}

interface Context extends WriteOptions {
  plan: RunPlan
  /** Where a file is written first. */
  staged(target: string): string
  done(target: string): void
}

async function writeFile(planned: PlannedFile, context: Context): Promise<void> {
  switch (planned.file) {
    case 'nucleotidePart':
    case 'proteinPart':
      return await writeFasta(planned, context)
    case 'dnabertPart':
    case 'esmPart':
    case 'mergedPart':
      return await writeEmbeddings(planned, context)
    case 'predictions':
      return await writeTablesOf(planned, context)
    case 'consensus':
      // Written with the calls of frames.
      return context.done(planned.to)
    default:
      await writeAtomically(context.staged(planned.to), async (sink) => {
        for await (const block of createReadStream(planned.from, { highWaterMark: 1 << 20 }))
          await sink.write(block)
      })
      context.done(planned.to)
  }
}

/** Columns of a line where Biopython writes. */
const WRAP = 60

async function writeFasta({ from, to }: PlannedFile, { plan, staged, done }: Context): Promise<void> {
  const fasta = await readPartFasta(from)
  if (fasta === undefined) throw new DataError(`${from} is not a whole FASTA file; delete it and start again`)
  const wrap = plan.to.layout === 'broad' ? { wrap: WRAP } : {}
  const records = [...fasta.sequences].map(([id, sequence]) => formatRecord(id, sequence, wrap))
  await writeAtomically(staged(to), Buffer.concat(records))
  done(to)
}

async function writeEmbeddings({ from, to, fasta }: PlannedFile, context: Context): Promise<void> {
  const { file, table, notes } = await readLegacyFile(from, context.plan.run.layout)
  if (table === undefined) throw new DataError(`${from} ${file.problem}; start the same command again`)
  await writeTable(file.kind as FeatureKind, table, await readPartFasta(fasta), to, notes, context)
}

async function writeTable(
  kind: FeatureKind,
  table: FeatureTable,
  fasta: PartFasta | undefined,
  target: string,
  notes: Record<string, string>,
  context: Context,
): Promise<void> {
  const { layout } = context.plan.to
  const stamp = layout === 'broad'
  const rows = ordered(kind, table, fasta, layout)
  await writeAtomically(context.staged(target), async (sink) => {
    const options = { archiveName: basename(target, '.pt'), stamp, notes }
    await writeFeatureFile(kind, rows, (bytes) => sink.write(bytes), options)
  })
  if (stamp) await writeAtomically(`${context.staged(target)}.done`, '')
  context.done(target)
}

/** Writes both tables. Both spellings of a score are the same float32. */
async function writeTablesOf({ from, to }: PlannedFile, context: Context): Promise<void> {
  const { run, to: paths } = context.plan
  let stamp: string | undefined
  const rows = readFrameScores(from, 'vanilla', (line) => {
    stamp = line
  })
  const first = await rows.next()
  async function* parts(): AsyncGenerator<ScoredFrames> {
    for (let next = first; !next.done; next = await rows.next()) yield scoredFrames(next.value)
  }
  const staged: OutputPaths = pathsOf({ ...run, root: context.staging }, paths.layout)
  const spill = join(context.staging, run.stem)
  await writeTables(staged, parts(), { stamp, spillPath: (number) => `${spill}.sort_${number}` })
  context.done(to)
}

/** Bytes of the parts that are filled while the batches are read once. */
const GROUP_BYTES = 2 ** 30

/**
 * Writes the protein vectors of some parts from batches that hold them in any order. The batches are read once for
 * each GiB of parts.
 * @throws DataError when a batch changed since it was looked at
 */
async function writeGathered(files: readonly PlannedFile[], context: Context): Promise<void> {
  let rest: Pick<Gathered, 'fasta' | 'to'>[] = []
  for (const { from, to, isGathered } of files) {
    const fasta = isGathered ? await readPartFasta(from) : undefined
    if (fasta !== undefined) rest.push({ fasta, to })
  }
  while (rest.length > 0) {
    const group = await gathered(rest, context)
    if (group.length === 0) return
    rest = rest.slice(group.length)
    for (const { fasta, to, table, missing } of group) {
      if (missing.size > 0)
        throw new DataError(`${fasta.path}: the batches have changed meanwhile; start the same command again`)
      await writeTable('esm', table, fasta, to, {}, context)
    }
  }
}

/** The vectors of the first of some parts. */
async function gathered(
  parts: readonly Pick<Gathered, 'fasta' | 'to'>[],
  { plan, signal }: Context,
): Promise<Gathered[]> {
  let group: Gathered[] = []
  for (const path of plan.batches) {
    signal?.throwIfAborted()
    const { file, table } = await readLegacyFile(path, 'broad')
    if (table === undefined) throw new DataError(`${path} ${file.problem}; start the same command again`)
    if (group.length === 0) group = firstGroup(parts, table.dim)
    fill(group, table)
  }
  return group
}

interface Gathered {
  fasta: PartFasta
  to: string
  table: FeatureTable
  /** Rows without a vector yet, by their ids. */
  missing: Map<string, number>
}

/** The first of some parts, as many as may be filled at a time. */
function firstGroup(parts: readonly Pick<Gathered, 'fasta' | 'to'>[], dim: number): Gathered[] {
  const group: Gathered[] = []
  let bytes = 0
  for (const part of parts) {
    const ids = [...part.fasta.sequences.keys()]
    bytes += ids.length * dim * 4
    if (group.length > 0 && bytes > GROUP_BYTES) break
    const table = { ids, rows: new Float32Array(ids.length * dim), dim }
    group.push({ ...part, table, missing: new Map(ids.map((id, row) => [id, row])) })
  }
  return group
}

/** The first vector of an id is the one. */
function fill(group: readonly Gathered[], { ids, rows, dim }: FeatureTable): void {
  for (const [i, id] of ids.entries()) {
    const part = group.find(({ missing }) => missing.has(id))
    if (part === undefined || dim !== part.table.dim) continue
    part.table.rows.set(rows.subarray(i * dim, (i + 1) * dim), (part.missing.get(id) as number) * dim)
    part.missing.delete(id)
  }
}
