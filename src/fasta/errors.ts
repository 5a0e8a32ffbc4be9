import { DataError, type ErrorKind } from '../system/errors.ts'
import type { InputFailure, InvalidReason, Place } from './types.ts'

/** Of failures that are not about what an input holds. */
const KINDS: Partial<Record<InvalidReason | InputFailure, ErrorKind>> = {
  not_found: 'noInput',
  directory: 'noInput',
  not_a_file: 'noInput',
  stream_twice: 'usage',
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
      kind?: ErrorKind
    },
  ) {
    const kind = data.kind ?? KINDS[data.reason]
    super(message, { cause: data.cause, ...(kind !== undefined && { kind }) })
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
