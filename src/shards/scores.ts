import { type RunPrecisions, readPrecisions } from '../checkpoint/index.ts'
import { markRechecked } from '../predict/index.ts'
import type { BitSet } from '../recheck/index.ts'
import { DataError } from '../system/errors.ts'
import { readFrameScores, type ScoredFrames, scoredFrames } from '../tables/index.ts'
import { inOrder } from './in-order.ts'
import type { ShardRun } from './runs.ts'
import type { Whole } from './whole.ts'

/** How many frames of which run follow each other in the whole. */
export class FrameOrder {
  readonly stretches: { list: ShardRun; items: number }[] = []
  readonly #left: number[]
  #at = 0

  /** @param runs - in their order, where one just follows the other */
  constructor(runs: readonly ShardRun[], stretches: Whole['stretches']) {
    for (const run of stretches?.map((stretch) => stretch.run) ?? runs)
      this.stretches.push({
        list: run,
        items: stretches === undefined ? (run.manifest.result?.frames ?? 0) : 0,
      })
    this.#left = stretches?.map(({ records }) => records) ?? []
  }

  /** The next record has so many frames. */
  record(frames: number): void {
    while (this.#left[this.#at] === 0) this.#at++
    const stretch = this.stretches[this.#at]
    if (stretch === undefined || this.#left.length === 0) return
    stretch.items += frames
    this.#left[this.#at] = (this.#left[this.#at] as number) - 1
  }

  /** @throws DataError naming the first run whose table has another number of rows */
  check(): void {
    const wanted = new Map<ShardRun, number>()
    for (const { list, items } of this.stretches) wanted.set(list, (wanted.get(list) ?? 0) + items)
    for (const [run, items] of wanted) if ((run.manifest.result?.frames ?? 0) !== items) throw unfit(run)
  }
}

/**
 * The rows of the tables of frames in the order of the whole. Printed scores have all their digits: they are those that were
 * computed.
 *
 * @throws DataError naming a run whose table ends too early
 */
export async function* scoresOf(
  { stretches }: FrameOrder,
  precisions: ReadonlyMap<ShardRun, RunPrecisions>,
): AsyncGenerator<ScoredFrames> {
  async function* open(run: ShardRun) {
    const mark = markRechecked(precisions.get(run))
    for await (const frames of readFrameScores(run.paths.predictions, run.paths.layout)) {
      const { rechecked } = mark(scoredFrames(frames))
      yield frames.map((frame, row) => ({ ...frame, rechecked: rechecked?.[row] ?? 0 }))
    }
  }
  for await (const { items } of inOrder(stretches, open, unfit))
    yield { ...scoredFrames(items), rechecked: Uint8Array.from(items, ({ rechecked }) => rechecked) }
}

/** Which frames of runs were rechecked; of none where one does not say it. */
export async function precisionsOf(runs: readonly ShardRun[]): Promise<Map<ShardRun, RunPrecisions>> {
  const found = new Map<ShardRun, RunPrecisions>()
  for (const run of runs) {
    const precisions = await readPrecisions(run.paths.state)
    if (precisions === undefined) return new Map()
    found.set(run, precisions)
  }
  return found
}

/** Follows scores on their way, and notes the numbers of the rows that were rechecked. */
export async function* noting(
  scores: AsyncIterable<ScoredFrames>,
  exact: BitSet,
): AsyncGenerator<ScoredFrames> {
  let first = 0
  for await (const frames of scores) {
    for (let row = 0; row < frames.ids.length; row++)
      if (frames.rechecked?.[row] === 1) exact.add(first + row)
    first += frames.ids.length
    yield frames
  }
}

/** The line of warning above the tables of demonstration models. */
export async function stampOf({ paths }: ShardRun): Promise<string | undefined> {
  let stamp: string | undefined
  const rows = readFrameScores(paths.predictions, paths.layout, (text) => {
    stamp = text
  })
  await rows.next()
  await rows.return(undefined)
  return stamp
}

function unfit({ name, paths }: ShardRun): DataError {
  return new DataError(
    `${name}: ${paths.predictions} is not the table of frames of what it was made from. Nothing was merged`,
  )
}
