import type { ModelName } from '../bundle/index.ts'
import { RunStats } from '../monitor/index.ts'
import {
  type BatchJournal,
  dispatcherWhenReady,
  type EmbeddedPart,
  embedWindow,
  type LanguageModels,
  overlapped,
  windowsUnderWay,
} from '../predict/index.ts'
import type { Logger } from '../system/logger.ts'
import type { UnitPart } from './units.ts'

/** Keeps nothing: what is handed on at once needs no journal. */
const NO_JOURNAL: BatchJournal = { append() {}, remove: async () => {}, async [Symbol.asyncDispose]() {} }

/**
 * Parts with their embeddings, in order. While one is handed on, the next are computed: as many as keep every device busy, and no
 * more are taken from `parts`.
 *
 * @throws anything but `InferenceError`; the signal's reason
 */
export async function* embeddedParts(
  models: LanguageModels,
  parts: AsyncIterable<UnitPart>,
  { logger, signal: asked }: { logger: Logger; signal?: AbortSignal | undefined },
): AsyncGenerator<EmbeddedPart> {
  const { backend } = models
  const ended = new AbortController()
  const signal = AbortSignal.any([ended.signal, ...(asked === undefined ? [] : [asked])])
  const stats = new RunStats([], 1)
  const monitor = {
    batchStarted: (model: ModelName, tokens: number) => stats.models[model].started(tokens),
    checkpointWritten() {},
  }
  const dispatcher = dispatcherWhenReady({ backend, monitor, logger, signal })
  await using journals = new AsyncDisposableStack()
  const folder = { openJournal: async () => NO_JOURNAL, removeJournal: async () => {} }
  const run = { folder, models, monitor, stats, logger }
  const windows = overlapped(
    untilAborted(parts, signal),
    () => windowsUnderWay(backend.concurrency),
    (part) => embedWindow(run, { dispatcher, journals }, { parts: [{ part, done: false }], last: false }),
  )
  for await (const { parts: embedded } of windows) {
    signal.throwIfAborted()
    let isTaken = false
    try {
      yield* embedded
      isTaken = true
    } finally {
      // Nobody wants the rest.
      if (!isTaken) ended.abort(new Error('no more embeddings are wanted'))
    }
  }
}

/** What is waited for may never come. */
async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const aborted = Promise.withResolvers<never>()
  // Nobody may be waiting.
  aborted.promise.catch(() => {})
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  const iterator = items[Symbol.asyncIterator]()
  let isOver = false
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await Promise.race([iterator.next(), aborted.promise])
      isOver = next.done === true
      if (next.done === true) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // A source that never answers would not answer this either.
    if (!isOver) void iterator.return?.()?.catch(() => {})
  }
}
