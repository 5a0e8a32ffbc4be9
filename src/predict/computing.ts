import { settleWithin } from '../system/settle-within.ts'
import type { LanguageModels, RunModels } from './models.ts'

/** What computes, and what stops it. */
export interface Computing<Models extends LanguageModels = RunModels> {
  models: Models
  /** Aborted when the work is stopped, or a server that was started for it is lost. */
  signal: AbortSignal
  /** Begins to start a server, where there is one to start; only the first call counts. */
  start(): void
}

/** @param onLost - called when a server that was started for this ends by itself */
export type OpenModels<Models> = (onLost: (error: unknown) => void, signal: AbortSignal) => Promise<Models>

/**
 * Does something with models, which are opened once for it.
 *
 * @param stops - end the work
 */
export async function withModels<Models extends LanguageModels, T>(
  open: OpenModels<Models>,
  stops: readonly (AbortSignal | undefined)[],
  work: (computing: Computing<Models>) => Promise<T>,
): Promise<T> {
  const lostServer = new AbortController()
  const signal = AbortSignal.any([...stops.filter((stop) => stop !== undefined), lostServer.signal])
  const onLost = (error: unknown) => lostServer.abort(error)
  const models = await open(onLost, signal)
  try {
    return await work({ models, signal, start: () => models.backend.start(onLost) })
  } finally {
    // A batch that takes minutes must not hold up a run that was stopped.
    await settleWithin(Promise.resolve(models[Symbol.asyncDispose]()), signal).catch((error) => {
      if (!signal.aborted) throw error
    })
  }
}
