import type { Journal } from '../checkpoint/index.ts'
import type { RunStats } from '../monitor/index.ts'
import { classify } from './classify.ts'
import type { IncompletePart, Run, Session } from './context.ts'
import { dispatcherWhenReady } from './dispatcher.ts'
import { type EmbeddedWindow, embed } from './embed.ts'
import { partsFor } from './parts-for.ts'
import { RunUnderWay } from './run-under-way.ts'
import { beginMetrics } from './watch.ts'
import { overlapped, type WindowPart, windowsOf, windowsUnderWay } from './windows.ts'

/** Computes what is left of a run, and writes its results. */
export async function execute(run: Run): Promise<void> {
  const { folder, logger, monitor, options, paths, record, signal } = run
  const isBegun = folder.status === 'resumed' && record.owns(paths.metrics)
  if (options.metrics && !isBegun) await beginMetrics(paths.metrics, logger)
  monitor.start()
  try {
    await using under = await RunUnderWay.begin(run)
    try {
      await computeWindows(run, partsFor(under), {})
    } catch (error) {
      await under.fail(error)
      throw error
    }
    await under.finish()
  } catch (error) {
    await monitor.end(signal.aborted ? 'stopped' : 'error')
    throw error
  }
}

/** What becomes of the runs whose parts are computed. */
export interface WindowEvents {
  /** All parts of a run in a window have been classified. */
  onPassed?(of: RunUnderWay): void | Promise<void>
  /** A part could not be classified. @throws the error, where more than its run has failed. @default thrown */
  onError?(of: RunUnderWay, error: unknown): void | Promise<void>
}

/** Computes the parts of one run or of several, a window at a time. */
export async function computeWindows(
  session: Session,
  parts: AsyncIterable<WindowPart<RunUnderWay>>,
  events: WindowEvents,
): Promise<void> {
  const { models, monitor, stats, logger, signal, windowFrames } = session
  const { backend } = models
  const dispatcher = dispatcherWhenReady({ backend, monitor, logger, signal })
  // Those of windows that are not over stay for the next run.
  await using journals = new AsyncDisposableStack()
  const windows = overlapped(
    windowsOf(parts, windowFrames),
    () => windowsUnderWay(backend.concurrency, shareToCompute(stats)),
    (window) => embed<RunUnderWay, Journal>(session, { dispatcher, journals }, window),
  )
  for await (const window of windows) await classifyWindow(window, events)
}

/** Share of the frames so far that some model had to compute. */
function shareToCompute({ models, framesToCompute }: RunStats): number {
  const reused = Math.min(...Object.values(models).map(({ reusedSequences }) => reusedSequences))
  return framesToCompute === 0 ? 1 : 1 - reused / framesToCompute
}

async function classifyWindow(
  { parts, embedded, journals }: EmbeddedWindow<RunUnderWay, Journal>,
  events: WindowEvents,
): Promise<void> {
  const ofRuns = Map.groupBy(embedded, ({ of }) => of)
  for (const [of, all] of Map.groupBy(parts, ({ of }) => of)) {
    if (of === undefined) continue
    const journal = journals.get(of)
    let failed: IncompletePart[] | undefined
    try {
      failed = await classify(of.run, ofRuns.get(of) ?? [])
    } catch (error) {
      if (events.onError === undefined) throw error
      await events.onError(of, error)
    }
    if (failed?.length === 0) await journal?.remove()
    else await journal?.[Symbol.asyncDispose]()
    of.passed(all.length, failed ?? [])
    await events.onPassed?.(of)
  }
}
