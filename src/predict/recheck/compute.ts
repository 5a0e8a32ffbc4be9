import { type Journal, readPartFeatures, writePartFiles } from '../../checkpoint/index.ts'
import { RunStats } from '../../monitor/index.ts'
import { InferenceError } from '../../onnx/index.ts'
import type { BitSet } from '../../recheck/index.ts'
import { framesAgain } from '../../results/index.ts'
import { reportFailed } from '../classify.ts'
import type { IncompletePart, Run } from '../context.ts'
import { dispatcherWhenReady } from '../dispatcher.ts'
import { type EmbeddingRun, embedWindow } from '../embed.ts'
import type { FailedFrame } from '../failures.ts'
import { tokensIn } from '../frame-facts.ts'
import type { EmbeddedPart } from '../model-work.ts'
import { emptyPart, type Part } from '../part.ts'
import type { PreparedPart } from '../prepare.ts'
import type { RunRecheck } from '../recheck-plan.ts'
import { overlapped, windowsOf, windowsUnderWay } from '../windows.ts'
import { rowsOf } from './rechecked-run.ts'

/**
 * Computes some frames of a run once more and keeps their scores.
 *
 * @param round - of the recheck, from 1
 * @returns parts with frames that could not be computed
 */
export async function computeFrames(
  run: Run,
  plan: RunRecheck,
  frames: BitSet,
  round: number,
): Promise<IncompletePart[]> {
  const undone = await partsToDo(run, frames)
  if (undone.size === 0) return []
  const { models, monitor, options, logger, signal } = run
  const { backend } = models
  // The run has counted these frames before.
  const stats = new RunStats([], options.expectedLength)
  const names = plan.inputs.map(({ model }) => model)
  using underWay = monitor.recheckBegun(frames.size, names, stats)
  const dispatcher = dispatcherWhenReady({ backend, monitor: underWay, logger, signal })
  await using journals = new AsyncDisposableStack()
  const embedding: EmbeddingRun = {
    models: { backend, inputs: plan.inputs },
    ...{ monitor, logger },
    stats,
    folder: {
      openJournal: (first, visit) => run.folder.openRecheckJournal(round, first, visit),
      removeJournal: (first) => run.folder.removeRecheckJournal(first),
    },
  }
  const windows = overlapped(
    windowsOf(partsAgain(run, frames, { undone, stats })),
    () => windowsUnderWay(backend.concurrency),
    (window) => embedWindow<Journal>(embedding, { dispatcher, journals }, window),
  )
  const incomplete: IncompletePart[] = []
  for await (const { parts, journal } of windows) {
    const before = incomplete.length
    for (const part of parts) {
      incomplete.push(...(await finishPart(run, frames, part)))
      stats.framesDone(part.part.ids.length)
    }
    if (incomplete.length === before) await journal?.remove()
    else await journal?.[Symbol.asyncDispose]()
  }
  return incomplete
}

/** Numbers of the parts of which scores are missing that this round computes. */
async function partsToDo(run: Run, frames: BitSet): Promise<Set<number>> {
  const undone = new Set<number>()
  for (let part = 1; part <= run.stats.counts.parts; part++) {
    const rows = rowsOf(part, frames, run)
    if (rows.length === 0) continue
    const known = new Set((await run.folder.rechecked(part))?.ids)
    if (!rows.every((row) => known.has(String(row)))) undone.add(part)
  }
  return undone
}

/** The frames as parts of their own, with the numbers of those that they are of. */
async function* partsAgain(
  { options, structure, signal }: Run,
  frames: BitSet,
  { undone, stats }: { undone: ReadonlySet<number>; stats: RunStats },
): AsyncGenerator<PreparedPart> {
  const { expectedLength, sequencesPerFile, layout } = options
  const asked = {
    chunkLength: expectedLength,
    keepEmpty: layout === 'broad',
    isWanted: (number: number) => frames.has(number),
  }
  let part: Part | undefined
  const prepared = (part: Part): PreparedPart => {
    const done = !undone.has(part.number)
    stats.framesPrepared(part.ids.length)
    if (done) stats.framesDone(part.ids.length, true)
    return { part, done }
  }
  for (const { number, id, nucleotide, protein } of framesAgain(structure, asked)) {
    const of = 1 + Math.floor(number / sequencesPerFile)
    if (part !== undefined && part.number !== of) {
      signal.throwIfAborted()
      yield prepared(part)
      part = undefined
    }
    part ??= emptyPart(of)
    part.ids.push(id)
    part.nucleotides.push(nucleotide)
    part.proteins.push(protein)
  }
  if (part !== undefined) yield prepared(part)
  stats.inputRead = true
}

/** Classifies frames of a part, and makes their scores durable. @returns the part where one of them failed */
async function finishPart(
  run: Run,
  frames: BitSet,
  { part: { number }, features, failed }: EmbeddedPart,
): Promise<IncompletePart[]> {
  run.signal.throwIfAborted()
  await run.lock.check()
  const rows = rowsOf(number, frames, run)
  const scores = await score(run, features)
  const misses =
    typeof scores === 'string'
      ? rows.map((row): FailedFrame => ({ row, step: 'classifier', reason: scores }))
      : failed.map((miss): FailedFrame => ({ ...miss, row: rows[miss.row] as number }))
  if (misses.length > 0) return [await giveUp(run, number, misses)]
  await run.monitor.during('checkpoint', () =>
    keep(run, number, rows, { features, scores: scores as Float32Array }),
  )
  run.monitor.checkpointWritten()
  return []
}

/** @returns why the classifier has failed, where it has */
async function score({ models, monitor }: Run, features: Float32Array): Promise<Float32Array | string> {
  try {
    return await monitor.during('classifier', () => models.classifier.classify(features))
  } catch (error) {
    if (error instanceof InferenceError) return error.message
    throw error
  }
}

/** The tables of this run are without these frames; the next start tries them again. */
async function giveUp(run: Run, number: number, failed: readonly FailedFrame[]): Promise<IncompletePart> {
  const { ids, scores } = await run.folder.scoresOf(number)
  const incomplete = await reportFailed(run, number, ids, failed)
  const missing = new Set(failed.map(({ row }) => row))
  const rows = [...ids.keys()].filter((row) => !missing.has(row))
  await run.folder.keepPartially(number, {
    ids: rows.map((row) => ids[row] as string),
    scores: Float32Array.from(
      rows.flatMap((row) => [scores[2 * row] as number, scores[2 * row + 1] as number]),
    ),
    content: undefined,
    files: [],
  })
  return incomplete
}

async function keep(
  run: Run,
  number: number,
  rows: readonly number[],
  { features, scores }: { features: Float32Array; scores: Float32Array },
): Promise<void> {
  const before = (await run.folder.rechecked(number)) ?? { ids: [], scores: new Float32Array() }
  const files = run.options.keepIntermediate ? await writeFiles(run, number, rows, features) : []
  const again = new Set(rows.map(String))
  // An earlier start with another rule for calls may have selected some of them as well.
  const kept = [...before.ids.entries()].filter(([, id]) => !again.has(id))
  const ids = [...kept.map(([, id]) => id), ...again]
  const all = new Float32Array(2 * ids.length)
  for (const [to, [at]] of kept.entries()) all.set(before.scores.subarray(2 * at, 2 * at + 2), 2 * to)
  all.set(scores, 2 * kept.length)
  // The files come first: without the scores they count as damaged, and the part is computed again.
  await run.folder.keepRechecked(number, { ids, scores: all, content: undefined, files })
}

/** Puts vectors of frames into the files of their part. @param features - row-major [rows, all widths] */
async function writeFiles(
  { folder, models, paths }: Run,
  number: number,
  rows: readonly number[],
  features: Float32Array,
): Promise<readonly string[]> {
  const { ids, facts = [] } = await folder.scoresOf(number)
  const all = await readPartFeatures(paths, number)
  const width = features.length / rows.length
  for (const [at, row] of rows.entries())
    all.set(features.subarray(at * width, (at + 1) * width), row * width)
  const { widths, stamp } = models
  const proteinLengths = Array.from(facts, tokensIn)
  return await writePartFiles(paths, number, { ids, proteinLengths, features: all, widths, stamp })
}
