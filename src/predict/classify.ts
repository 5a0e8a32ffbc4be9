import { writePartFiles } from '../checkpoint/index.ts'
import { InferenceError } from '../onnx/index.ts'
import { count } from '../text/numbers.ts'
import type { FailedRows, Run } from './context.ts'
import type { EmbeddedPart } from './model-work.ts'
import { contentOf } from './part.ts'

/** Scores the frames of parts and makes the scores durable. @returns the parts that failed */
export async function classify(run: Run, parts: readonly EmbeddedPart[]): Promise<FailedRows[]> {
  const failed: FailedRows[] = []
  for (const embedded of parts) {
    const { part } = embedded
    const failure = embedded.failure ?? (await finishPart(run, embedded))
    if (failure !== undefined) {
      const { step, rows } = failure
      const reason = `${rows.size} of ${count(part.ids.length, 'frame')}; ${failure.reason}`
      failed.push({ part: part.number, step, reason, rows })
      run.logger.warn(`part ${part.number} failed: ${step}: ${reason}`)
      if (rows.size < part.ids.length) await keepPartially(run, embedded, rows)
    }
    run.stats.framesDone(part.ids.length)
  }
  return failed
}

function score({ models, monitor }: Run, features: Float32Array): Promise<Float32Array> {
  return monitor.during('classifier', () => models.classifier.classify(features))
}

/** The order matters: the scores, which say that a part is done, come last. */
async function finishPart(run: Run, embedded: EmbeddedPart): Promise<EmbeddedPart['failure']> {
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
    return { step: 'classifier', reason: error.message, rows: new Set(ids.keys()) }
  }
  await checkpoint(run, async () => {
    const { widths, stamp } = models
    const proteinLengths = proteins.map(({ length }) => length)
    const files = options.keepIntermediate
      ? await writePartFiles(paths, number, { ids, proteinLengths, features, widths, stamp })
      : []
    await folder.finishPart(number, { ids, scores, content: contentOf(part), files })
  })
  return undefined
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
