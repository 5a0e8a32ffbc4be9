import type { StatusName } from './status.ts'

/**
 * What kind of failure a call met:
 *
 * - `unavailable`: no connection, a lost connection, or a server that starts, stops or refuses for now
 * - `draining`: the model has no version that takes requests: the server shuts down, or the model was unloaded
 * - `busy`: the server asks for fewer requests
 * - `deadline`: no answer in time
 * - `cancelled`: by the caller's AbortSignal, by `close()`, or by the server
 * - `tls`: the encrypted connection cannot be made; trying again does not help
 * - `not-found`: no such model, version or shared-memory region
 * - `rejected`: the server, or this client before sending, finds fault with the request
 * - `model-failed`: the model raised an exception
 * - `backend-died`: the process of a Python model is gone; unloading and loading the model repairs it
 * - `bad-answer`: the server answered OK with something that cannot be right, such as too few bytes
 */
export type FailureReason =
  | 'unavailable'
  | 'draining'
  | 'busy'
  | 'deadline'
  | 'cancelled'
  | 'tls'
  | 'not-found'
  | 'rejected'
  | 'model-failed'
  | 'backend-died'
  | 'bad-answer'

/** Faults of the set-up that OpenSSL (Node) and BoringSSL (Bun) report below a status UNAVAILABLE. */
const TLS_FAULT =
  /certificate|self[- ]signed|issuer|altname|\bERR_(?:TLS|SSL)|\bSSL\b|wrong version number|\bEPROTO\b/i

/** The kind of a failure, from the status and the text that came with it; the text is often empty. */
export function classify(code: StatusName, details: string): FailureReason {
  switch (code) {
    case 'UNAVAILABLE':
      return TLS_FAULT.test(details) ? 'tls' : 'unavailable'
    case 'INTERNAL':
      // HTTP/2 gave up on the stream before the server could say why: the connection broke, not the model.
      if (details.includes('RST_STREAM')) return 'unavailable'
      return /stub process .* is not healthy/i.test(details) ? 'backend-died' : 'model-failed'
    case 'NOT_FOUND':
      return details.includes('no available versions') ? 'draining' : 'not-found'
    case 'RESOURCE_EXHAUSTED':
      // A limit on message sizes (a proxy's, as this client sets none) stays the same next time.
      return /message larger|message size|max(?:imum)? (?:message )?size/i.test(details) ? 'rejected' : 'busy'
    case 'DEADLINE_EXCEEDED':
      return 'deadline'
    case 'CANCELLED':
      return 'cancelled'
    case 'UNKNOWN':
      return 'model-failed'
    case 'DATA_LOSS':
      return 'bad-answer'
    default:
      return 'rejected'
  }
}

/** Whether another attempt, later or at another server, may succeed. Inference is taken to be idempotent. */
export function isRetryable(reason: FailureReason): boolean {
  return (
    reason === 'unavailable' ||
    reason === 'draining' ||
    reason === 'busy' ||
    reason === 'deadline' ||
    reason === 'backend-died'
  )
}

/** Whether another attempt at the same server, right away, may succeed. */
export function isWorthAnotherAttempt(reason: FailureReason): boolean {
  return reason === 'unavailable' || reason === 'draining' || reason === 'busy'
}
