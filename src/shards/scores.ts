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
export async function* scoresOf({ stretches }: FrameOrder): AsyncGenerator<ScoredFrames> {
  const open = ({ paths }: ShardRun) => readFrameScores(paths.predictions, paths.layout)
  for await (const { items } of inOrder(stretches, open, unfit)) yield scoredFrames(items)
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
