import { ExitCode } from '../exit-codes.ts'
import { VirnucproError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { onStopSignal, type StopSignal } from '../system/stop-signals.ts'

/** The user or the system asked the run to stop. */
export class InterruptedError extends VirnucproError {
  readonly signal: StopSignal

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`)
    this.signal = signal
  }
}

/** 128 plus the number of the signal, as shells count. */
export const SIGNAL_CODES: Readonly<Record<StopSignal, number>> = {
  SIGINT: ExitCode.interrupted,
  SIGTERM: ExitCode.terminated,
  SIGHUP: ExitCode.hungUp,
}

/** Work that has not settled by then is given up: batch systems kill a few seconds after SIGTERM. */
const PATIENCE_MS = 4000

/**
 * Runs work that can be stopped: the first SIGINT, SIGTERM or SIGHUP aborts its signal and waits for it to settle, so that
 * files are left in a state a later run can continue from; a second one ends the process at once, and so does work
 * that takes too long to settle.
 * @param patienceMs - how long it may take; a server that lets requests finish needs more
 * @throws InterruptedError when a signal came, whatever became of the work.
 */
export async function withSignals<Result>(
  logger: Logger,
  work: (signal: AbortSignal) => Promise<Result>,
  patienceMs = PATIENCE_MS,
): Promise<Result> {
  const controller = new AbortController()
  let received: InterruptedError | undefined
  let patience: ReturnType<typeof setTimeout> | undefined
  using _listener = onStopSignal((name) => {
    if (received !== undefined) process.exit(SIGNAL_CODES[name])
    const error = new InterruptedError(name)
    received = error
    const limit = patienceMs > PATIENCE_MS ? `, for ${Math.ceil(patienceMs / 1000)} s at most` : ''
    logger.warn(
      `${name} received: stopping after the current step${limit}; repeat the signal to stop at once`,
    )
    patience = setTimeout(() => {
      logger.error(error.message)
      process.exit(SIGNAL_CODES[name])
    }, patienceMs)
    controller.abort(error)
  })
  try {
    const result = await work(controller.signal)
    if (received !== undefined) throw received
    return result
  } catch (error) {
    throw received ?? error
  } finally {
    clearTimeout(patience)
  }
}
