import { WINDOW_FRAMES } from '../batching/index.ts'
import type { PreparedPart } from './prepare.ts'
import type { Reuse } from './reuse.ts'

/** A window of frames of reads has some thirty batches for a GPU. */
const BATCHES_OF_A_WINDOW = 24
/** Where less than this part of the frames is computed, no more windows are under way: each takes memory. */
const LEAST_SHARE = 1 / 4

/**
 * Windows to have under way: one more is read, tokenized and queued while those before it keep every device busy. How
 * many changes no batch.
 *
 * @param concurrency - batches that the backend wants on their way at once
 * @param share - of the frames so far that no earlier window has computed
 */
export function windowsUnderWay(concurrency: number, share = 1): number {
  const batches = BATCHES_OF_A_WINDOW * Math.max(share, LEAST_SHARE)
  return 1 + Math.max(1, Math.ceil(concurrency / batches))
}

/** A part on its way to a window; one that an earlier start finished takes part in the planning only. */
export interface WindowPart<Of = undefined> extends PreparedPart {
  /** Whose it is; undefined for a part of a run that has finished: others share its windows. */
  of?: Of | undefined
  /** What windows of its run have in common; undefined where each computes all that it has. */
  reuse?: Reuse | undefined
  /** A window holds parts of one pool only. */
  pool?: unknown
}

/** Parts that are embedded together. */
export interface Window<Of = undefined> {
  parts: readonly WindowPart<Of>[]
  /** Whether no other follows. */
  last: boolean
}

/**
 * Groups consecutive parts into windows of at least `frames` frames, less at the end of a pool. Finished parts count as
 * well, so that the windows of a continued run are those of the first one. A window comes when the part after it is known.
 */
export async function* windowsOf<Of = undefined>(
  parts: AsyncIterable<WindowPart<Of>>,
  frames: number = WINDOW_FRAMES,
): AsyncGenerator<Window<Of>> {
  let window: WindowPart<Of>[] = []
  let held = 0
  for await (const item of parts) {
    if (held >= frames || (window.length > 0 && window[0]?.pool !== item.pool)) {
      yield { parts: window, last: false }
      window = []
      held = 0
    }
    window.push(item)
    held += item.part.ids.length
  }
  if (window.length > 0) yield { parts: window, last: true }
}

/**
 * Starts `work` on each item while the one before it is still under way, at most `depth` at once, and yields the
 * results in order; `depth` may change meanwhile. On a failure the works under way are awaited before it is thrown, so that nothing runs on.
 */
export async function* overlapped<T, R>(
  items: AsyncIterable<T>,
  depth: number | (() => number),
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = []
  const most = typeof depth === 'number' ? () => depth : depth
  try {
    for await (const item of items) {
      const started = work(item)
      // A failure is met when its turn comes; until then it must not count as unhandled.
      started.catch(() => {})
      running.push(started)
      while (running.length >= most()) yield await (running.shift() as Promise<R>)
    }
    while (running.length > 0) yield await (running.shift() as Promise<R>)
  } finally {
    await Promise.allSettled(running)
  }
}
