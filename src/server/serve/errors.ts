import type { ErrorCodes } from '../../system/error-codes.ts'
import { type ErrorOptions, UnavailableError, VirnucproError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { foreign, linesOf, type Message } from '../../system/printable.ts'
import { messageOf } from '../../system/problems.ts'

/** Lines of a model's failure that are shown; a traceback of Python has some more. */
const REASON_LINES = 20

/** A server could not be started, or ended by itself. */
export class ServerError extends UnavailableError {
  /** Last lines of the server's log, as far as they explain something. */
  readonly log: readonly string[]

  constructor(message: Message, log: readonly string[] = [], options: ErrorOptions = {}) {
    const said = log.length === 0 ? [] : ['The server said:', ...log.map((line) => `  ${foreign(line)}`)]
    super([...linesOf(message), ...said], options)
    this.log = log
  }
}

/** A model that the server could not load and why. */
export interface FailedModel {
  readonly name: string
  readonly version: string
  /** In the words of the server. */
  readonly reason: string
}

/** The server runs, but some of its models cannot be used. */
export class ModelLoadError extends ServerError {
  readonly models: readonly FailedModel[]

  constructor(repository: string, models: readonly FailedModel[]) {
    const lines = models.flatMap(({ name, version, reason }) => {
      const title = version === '' ? name : `${name}, version ${version}`
      const [first = '', ...rest] = reason.split('\n').slice(0, REASON_LINES)
      return [`  ${title}: ${foreign(first)}`, ...rest.map((line) => `    ${foreign(line)}`)]
    })
    const count = models.length === 1 ? 'a model' : `${models.length} models`
    super([`the server could not load ${count} of ${repository}:`, ...lines], [], {
      detail: { code: 'repository-unusable', data: {} },
    })
    this.models = models
  }
}

/** The server crashed before it was ready. */
export class ServerCrashError extends ServerError {}

/** The server was not ready in time. */
export class StartupTimeoutError extends ServerError {
  readonly seconds: number

  constructor(seconds: number, state: string, log: readonly string[]) {
    super(`the server was not ready within ${seconds} s (${state})`, log, {
      detail: { code: 'startup-timeout', data: {} },
    })
    this.seconds = seconds
  }
}

/** The server cannot listen on a port that it was to have. */
export class PortInUseError extends UnavailableError {
  readonly port: number

  constructor(port: number, message: string, data: ErrorCodes['port-in-use']) {
    super(message, { detail: { code: 'port-in-use', data } })
    this.port = port
  }
}

/** There is no server program, or no Docker, to start. */
export class ServerNotFoundError extends UnavailableError {}

/** The lines of an error's message, whatever was thrown. */
export function errorLines(error: unknown): readonly string[] {
  return error instanceof VirnucproError ? error.lines : [messageOf(error)]
}

/** Warns of the first line; the others explain it. */
export function warnOf([first = '', ...more]: readonly string[], logger: Logger | undefined): void {
  logger?.warn(first)
  for (const line of more) logger?.info(line)
}
