import { writePartFiles } from '../checkpoint/index.ts'
import { InferenceError } from '../onnx/index.ts'
import { count } from '../text/numbers.ts'
import type { IncompletePart, Run } from './context.ts'
import type { FailedFrame } from './failures.ts'
import { frameFacts } from './frame-facts.ts'
import type { EmbeddedPart } from './model-work.ts'
import { contentOf } from './part.ts'

/** Scores the frames of parts and makes the scores durable. @returns the parts that failed */
export async function classify(run: Run, parts: readonly EmbeddedPart[]): Promise<IncompletePart[]> {
  const incomplete: IncompletePart[] = []
  for (const embedded of parts) {
    const { part, begun = performance.now() } = embedded
    const failed = embedded.failed.length > 0 ? embedded.failed : await finishPart(run, embedded)
    if (failed.length > 0) incomplete.push(await giveUp(run, embedded, failed))
    run.stats.framesDone(part.ids.length)
    const batches = Array.from(embedded.batches, ([place, batches]) => `${batches} of ${place}`)
    run.logger.note?.(
      `part ${part.number}: ${count(part.ids.length, 'frame')} in ${((performance.now() - begun) / 1000).toFixed(2)} s; ` +
        `batches: ${batches.sort().join(', ') || 'none'}`,
    )
  }
  return incomplete
}

/** Lists the failed frames of a part, and keeps what it has of the others. */
async function giveUp(
  run: Run,
  embedded: EmbeddedPart,
  failed: readonly FailedFrame[],
): Promise<IncompletePart> {
  const { ids, number } = embedded.part
  const incomplete = await reportFailed(run, number, ids, failed)
  const rows = new Set(failed.map(({ row }) => row))
  if (rows.size < ids.length) await keepPartially(run, embedded, rows)
  return incomplete
}

/** Lists the failed frames of a part. @param ids - of all of its frames */
export async function reportFailed(
  { logger, options, stats, failures }: Run,
  number: number,
  ids: readonly string[],
  failed: readonly FailedFrame[],
): Promise<IncompletePart> {
  const rows = new Set(failed.map(({ row }) => row))
  const sources = new Map(
    Array.from(rows, (row) => [row, stats.frameFailed((number - 1) * options.sequencesPerFile + row)]),
  )
  const sorted = [...failed].sort((a, b) => a.row - b.row || a.step.localeCompare(b.step))
  await failures.add(
    sorted.map(({ row, ...why }) => ({
      ...why,
      part: number,
      id: ids[row] as string,
      source: sources.get(row) as string,
    })),
  )
  const [first] = sorted as [FailedFrame]
  const { step } = first
  const reason = `${rows.size} of ${count(ids.length, 'frame')}; ${ids[first.row]}: ${first.reason}`
  logger.warn(`part ${number} failed: ${step}: ${reason}`)
  return { part: number, step, reason, frames: rows.size }
}

function score({ models, monitor }: Run, features: Float32Array): Promise<Float32Array> {
  return monitor.during('classifier', () => models.classifier.classify(features))
}

/** The order matters: the scores, which say that a part is done, come last. @returns the frames that failed */
async function finishPart(run: Run, embedded: EmbeddedPart): Promise<FailedFrame[]> {
  const { lock, signal, options, paths, models, folder } = run
  const { part, features } = embedded
  const { ids, proteins, number } = part
  signal.throwIfAborted()
  await lock.check()
  let scores: Float32Array
  try {
    scores = await score(run, features)
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error
    const { message } = error
    return ids.map((_, row) => ({ row, step: 'classifier', reason: message }))
  }
  await checkpoint(run, async () => {
    const { widths, stamp } = models
    const proteinLengths = proteins.map(({ length }) => length)
    const files = options.keepIntermediate
      ? await writePartFiles(paths, number, { ids, proteinLengths, features, widths, stamp })
      : []
    const facts = models.recheck && frameFacts(part, models.recheck.mostResidues)
    await folder.finishPart(number, { ids, scores, content: contentOf(part), facts, files })
  })
  return []
}

/** The frames that could be embedded have their rows in the tables; the part itself stays to be done. */
async function keepPartially(
  run: Run,
  { part, features }: EmbeddedPart,
  missing: ReadonlySet<number>,
): Promise<void> {
  const all = await score(run, features)
  const rows = [...part.ids.keys()].filter((row) => !missing.has(row))
  const ids = rows.map((row) => part.ids[row] as string)
  const scores = Float32Array.from(
    rows.flatMap((row) => [all[2 * row] as number, all[2 * row + 1] as number]),
  )
  await checkpoint(run, () =>
    run.folder.keepPartially(part.number, { ids, scores, content: undefined, files: [] }),
  )
}

async function checkpoint({ monitor }: Run, write: () => Promise<void>): Promise<void> {
  await monitor.during('checkpoint', write)
  monitor.checkpointWritten()
}
