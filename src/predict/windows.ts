import { WINDOW_FRAMES } from '../batching/index.ts'
import type { WindowPart } from './model-work.ts'

/** A window of frames of reads has some thirty batches for a GPU. */
const BATCHES_OF_A_WINDOW = 24

/**
 * Windows to have under way: one more is read, tokenized and queued while those before it keep every device busy. How
 * many changes no batch.
 *
 * @param concurrency - batches that the backend wants on their way at once
 */
export function windowsUnderWay(concurrency: number): number {
  return 1 + Math.max(1, Math.ceil(concurrency / BATCHES_OF_A_WINDOW))
}

/** Parts that are embedded together. */
export interface Window {
  parts: readonly WindowPart[]
  /** Whether no other follows. */
  last: boolean
}

/**
 * Groups consecutive parts into windows of at least `frames` frames. Finished parts count as well, so that the
 * windows of a continued run are those of the first one. A window comes when the part after it is known.
 */
export async function* windowsOf(
  parts: AsyncIterable<WindowPart>,
  frames: number = WINDOW_FRAMES,
): AsyncGenerator<Window> {
  let window: WindowPart[] = []
  let held = 0
  for await (const item of parts) {
    if (held >= frames) {
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
