import { ExitCode } from '../exit-codes.ts'
import { DataError, VirnucproError } from '../system/errors.ts'
import { fromSystem } from '../system/system-error.ts'
import { CommandUsageError } from './command.ts'
import { exitCodeOf } from './errors.ts'
import { activeLogger } from './session.ts'

/** Says what went wrong on standard error and returns the exit code. */
export function reportError(error: unknown): number {
  const logger = activeLogger()
  const system = error instanceof VirnucproError ? undefined : fromSystem(error)
  if (system !== undefined) return reportError(system)
  if (error instanceof VirnucproError) {
    logger.error(error.lines.length === 1 ? error.message : error.lines, error.detail)
    // Usage is for people at a terminal, not for the log.
    if (error instanceof CommandUsageError) process.stderr.write(`${error.usage.join('\n')}\n`)
    else if (error.cause !== undefined) {
      for (const line of stackOf(error.cause).split('\n')) logger.debug(line)
    }
    return exitCodeOf(error)
  }
  logger.error([
    ...stackOf(error).split('\n'),
    'This is a defect of virnucpro: please report it with the lines above.',
  ])
  return ExitCode.failure
}

/** What a checking command finds wrong is its result, not a failure to read: exit code 1. Any other error is thrown. */
export function findingOf(error: unknown): VirnucproError {
  if (error instanceof DataError && error.kind === 'badData')
    return new VirnucproError(error.lines, { cause: error, kind: 'failure', detail: error.detail })
  throw error
}

export function asFinding(error: unknown): never {
  throw findingOf(error)
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const stack = error.stack ?? `${error.name}: ${error.message}`
  return error.cause === undefined ? stack : `${stack}\ncaused by ${stackOf(error.cause)}`
}
