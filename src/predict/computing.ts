import type { PredictOptions } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'
import { settleWithin } from '../system/settle-within.ts'
import { openModels, type RunModels } from './models.ts'

/** What computes, and what stops it. */
export interface Computing {
  models: RunModels
  /** Aborted when the work is stopped, or a server that was started for it is lost. */
  signal: AbortSignal
  /** Begins to start a server, where there is one to start; only the first call counts. */
  start(): void
}

/**
 * Does something with the models, which are opened once for it.
 *
 * @param stops - end the work
 */
export async function withModels<T>(
  options: PredictOptions,
  logger: Logger,
  stops: readonly (AbortSignal | undefined)[],
  work: (computing: Computing) => Promise<T>,
): Promise<T> {
  const lostServer = new AbortController()
  const signal = AbortSignal.any([...stops.filter((stop) => stop !== undefined), lostServer.signal])
  const onLost = (error: unknown) => lostServer.abort(error)
  const models = await openModels(options, logger, onLost, signal)
  try {
    return await work({ models, signal, start: () => models.backend.start(onLost) })
  } finally {
    // A batch that takes minutes must not hold up a run that was stopped.
    await settleWithin(Promise.resolve(models[Symbol.asyncDispose]()), signal).catch((error) => {
      if (!signal.aborted) throw error
    })
  }
}
