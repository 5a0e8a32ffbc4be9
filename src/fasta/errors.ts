import { DataError } from '../system/errors.ts'
import { ExitCode } from '../system/exit-codes.ts'
import type { InputFailure, InvalidReason, Place } from './types.ts'

/** Of failures that are not about what an input holds. */
const CODES: Partial<Record<InvalidReason | InputFailure, number>> = {
  not_found: ExitCode.noInput,
  directory: ExitCode.noInput,
  not_a_file: ExitCode.noInput,
  stream_twice: ExitCode.usage,
}

/** An input cannot be read, or holds what the policy does not accept. The message starts with file and line. */
export class FastaError extends DataError {
  /** File name as given, `<stdin>` for `-`. */
  readonly source: string
  /** 1-based line; undefined where the failure belongs to no line, such as a missing file. */
  readonly line: number | undefined
  readonly reason: InvalidReason | InputFailure
  /** Id of the record, where there is one. */
  readonly id: string
  /** Of a `duplicate_id`: where the id was seen first. */
  readonly first: Place | undefined

  constructor(
    message: string,
    data: {
      source: string
      line?: number
      reason: InvalidReason | InputFailure
      id?: string
      first?: Place | undefined
      cause?: unknown
      exitCode?: number
    },
  ) {
    const exitCode = data.exitCode ?? CODES[data.reason]
    super(message, { cause: data.cause, ...(exitCode !== undefined && { exitCode }) })
    this.source = data.source
    this.line = data.line
    this.reason = data.reason
    this.id = data.id ?? ''
    this.first = data.first
  }
}

/** An id or a piece of text for a message: quoted, control characters escaped, at most 60 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text)
}
