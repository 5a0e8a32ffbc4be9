import type { FailureReason } from './classify.ts'
import type { StatusName } from './status.ts'

/** What a `TritonError` is made of. */
export interface TritonErrorData {
  readonly code: StatusName
  readonly reason: FailureReason
  readonly retryable: boolean
  readonly endpoint?: string | undefined
  readonly method?: string | undefined
  readonly model?: string | undefined
  readonly details?: string | undefined
  readonly attempts?: number | undefined
  readonly cause?: unknown
}

/**
 * The one error this package throws: a call that failed, an answer that cannot be right, or an argument that cannot
 * be sent.
 */
export class TritonError extends Error {
  /** Name of the gRPC status; failures found on this side carry the status that fits. */
  readonly code: StatusName
  /** What kind of failure it is, finer than the status. */
  readonly reason: FailureReason
  /**
   * True where nothing is wrong with the request itself: sent again later, or to another server, it may succeed.
   * The client has made its own attempts by then, see `RetryOptions`.
   */
  readonly retryable: boolean
  /** URL of the server; undefined for an argument that was refused before any server was involved. */
  readonly endpoint: string | undefined
  /** Name of the RPC, such as `ModelInfer`. */
  readonly method: string | undefined
  /** Name of the model that the call was about. */
  readonly model: string | undefined
  /** The server's own text, often empty: it may show paths on the server. */
  readonly details: string
  /** How often the request was sent. */
  readonly attempts: number

  constructor(message: string, data: TritonErrorData) {
    super(message, data.cause === undefined ? undefined : { cause: data.cause })
    this.name = 'TritonError'
    this.code = data.code
    this.reason = data.reason
    this.retryable = data.retryable
    this.endpoint = data.endpoint
    this.method = data.method
    this.model = data.model
    this.details = data.details ?? ''
    this.attempts = data.attempts ?? 0
  }
}

/** An argument that cannot be sent: found before anything leaves this process. */
export function invalidArgument(
  message: string,
  data: { model?: string; cause?: unknown } = {},
): TritonError {
  return new TritonError(message, { code: 'INVALID_ARGUMENT', reason: 'rejected', retryable: false, ...data })
}
