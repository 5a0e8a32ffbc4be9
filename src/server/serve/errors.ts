import { type ErrorKind, UnavailableError } from '../../system/errors.ts'
import { foreign, linesOf, type Message } from '../../system/printable.ts'

/** Lines of a model's failure that are shown; a traceback of Python has some more. */
const REASON_LINES = 20

/** A server could not be started, or ended by itself. */
export class ServerError extends UnavailableError {
  /** Last lines of the server's log, as far as they tell something. */
  readonly log: readonly string[]

  constructor(
    message: Message,
    log: readonly string[] = [],
    options: { cause?: unknown; kind?: ErrorKind } = {},
  ) {
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
    super([
      `the server could not load ${models.length === 1 ? 'a model' : `${models.length} models`} of ${repository}:`,
      ...lines,
      'Build the repository for this server again with: virnucpro repository build',
    ])
    this.models = models
  }
}

/** The server was not ready in time. */
export class StartupTimeoutError extends ServerError {
  readonly seconds: number

  constructor(seconds: number, state: string, log: readonly string[]) {
    super(
      `the server was not ready within ${seconds} s (${state}). Large models take minutes: raise --startup-timeout`,
      log,
    )
    this.seconds = seconds
  }
}

/** Another program uses a port that the server was to have. */
export class PortInUseError extends UnavailableError {
  readonly port: number
  readonly flag: string

  constructor(address: string, port: number, flag: string, purpose: string, why: string) {
    super(
      `port ${port} of ${address}, for ${purpose}, cannot be used: ${why}. ` +
        `Stop that program, or choose another port with ${flag}`,
    )
    this.port = port
    this.flag = flag
  }
}

/** There is no server program, or no Docker, to start. */
export class ServerNotFoundError extends UnavailableError {}
