import { UnavailableError } from '../system/index.ts'

/** A server could not be started, or ended by itself. */
export class ServerError extends UnavailableError {
  /** Last lines of the server's log, as far as they tell something. */
  readonly log: readonly string[]

  constructor(message: string, log: readonly string[] = [], options: { cause?: unknown } = {}) {
    super(log.length === 0 ? message : `${message}\nThe server said:\n  ${log.join('\n  ')}`, options)
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
    const lines = models.map(({ name, version, reason }) => {
      const title = version === '' ? name : `${name}, version ${version}`
      return `  ${title}: ${reason.replaceAll('\n', '\n    ')}`
    })
    super(
      `the server could not load ${models.length === 1 ? 'a model' : `${models.length} models`} of ${repository}:\n` +
        `${lines.join('\n')}\n` +
        'Build the repository for this server again with: virnucpro repository build',
    )
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
