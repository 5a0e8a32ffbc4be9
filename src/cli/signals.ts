import { ExitCode, type Logger, VirnucproError } from '../system/index.ts'

/** The user or the system asked the run to stop. */
export class InterruptedError extends VirnucproError {
  readonly signal: 'SIGINT' | 'SIGTERM'

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal}`, { exitCode: exitCodes[signal] })
    this.signal = signal
  }
}

const exitCodes = { SIGINT: ExitCode.interrupted, SIGTERM: ExitCode.terminated }

/**
 * Runs work that can be stopped: the first SIGINT or SIGTERM aborts its signal and waits for it to settle, so that
 * files are left in a state a later run can continue from; a second one ends the process at once.
 * @throws {InterruptedError} when a signal came, whatever became of the work.
 */
export async function withSignals<Result>(
  logger: Logger,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController()
  let received: InterruptedError | undefined
  const listen = (name: 'SIGINT' | 'SIGTERM') => () => {
    if (received !== undefined) process.exit(exitCodes[name])
    received = new InterruptedError(name)
    logger.warn(`${name} received: stopping after the work at hand; once more to stop at once`)
    controller.abort(received)
  }
  const listeners = (['SIGINT', 'SIGTERM'] as const).map((name) => [name, listen(name)] as const)
  for (const [name, listener] of listeners) process.on(name, listener)
  try {
    const result = await work(controller.signal)
    if (received !== undefined) throw received
    return result
  } catch (error) {
    throw received ?? error
  } finally {
    for (const [name, listener] of listeners) process.off(name, listener)
  }
}
