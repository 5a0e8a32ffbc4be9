import { status } from '@grpc/grpc-js'
import { connectionFault, isTlsFault, tlsMeaning } from './tls-faults.ts'

/** Names of the gRPC status codes other than OK. Source: gRPC, statuscodes. */
export type StatusName = Exclude<keyof typeof status, 'OK'>

/** Name of a status number; a number outside the standard counts as UNKNOWN, as gRPC asks. */
export function statusName(code: number): StatusName {
  return (status[code] as StatusName | undefined) ?? 'UNKNOWN'
}

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

/** A call, as far as a message about it needs to know. */
export interface CallContext {
  readonly endpoint: string
  readonly method: string
  readonly model?: string | undefined
  /** Whole time allowed, in milliseconds. */
  readonly deadlineMs?: number | undefined
  /** What was sent, for a server that rejects it without a word. */
  readonly sent?: string | undefined
}

/** The error for a status that a server, a proxy or grpc-js ended a call with. */
export function statusError(
  call: CallContext,
  code: StatusName,
  details: string,
  extra: { attempts?: number; cause?: unknown } = {},
): TritonError {
  const reason = classify(code, details)
  const { endpoint, method, model } = call
  const text = connectionFault(details.trim())
  const said = text === '' ? `(${code}, without a text)` : `(${code}: ${shortened(text)})`
  const { retry, meaning } = FAILURES[reason]
  const sentence = typeof meaning === 'string' ? meaning : meaning(call, code, text)
  return new TritonError(`${subject(call)}: ${sentence} ${said}`, {
    code,
    reason,
    retryable: retry !== 'never',
    endpoint,
    method,
    model,
    details,
    ...extra,
  })
}

/** The error for an answer that came with status OK and cannot be right. */
export function badAnswer(call: CallContext, fault: string, cause?: unknown, attempts?: number): TritonError {
  const { endpoint, method, model } = call
  const data = { code: 'DATA_LOSS', reason: 'bad-answer', retryable: false, endpoint, method, model } as const
  return new TritonError(`${subject(call)}: ${fault}`, { ...data, cause, attempts })
}

/** Whether another attempt at the same server, right away, may succeed. */
export function isWorthAnotherAttempt(reason: FailureReason): boolean {
  return FAILURES[reason].retry === 'at once'
}

/** The kind of a failure, from the status and the text that came with it; the text is often empty. */
function classify(code: StatusName, details: string): FailureReason {
  switch (code) {
    case 'UNAVAILABLE':
      return isTlsFault(details) ? 'tls' : 'unavailable'
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

interface Failure {
  /** Whether another attempt may succeed: at the same server at once, only later or elsewhere, or never. */
  readonly retry: 'at once' | 'later' | 'never'
  readonly meaning: string | ((call: CallContext, code: StatusName, details: string) => string)
}

/** What each kind of failure means to the caller. Inference is taken to be idempotent. */
const FAILURES: Readonly<Record<FailureReason, Failure>> = {
  unavailable: {
    retry: 'at once',
    meaning: ({ endpoint }) =>
      `no connection to the server, or it takes no requests now; check that it runs at this address ${
        // Some servers close the connection without a word.
        endpoint.startsWith('grpcs:') ? "and accepts this client's certificate" : 'and does not want grpcs://'
      }`,
  },
  draining: { retry: 'at once', meaning: 'the server shuts down, or the model was unloaded' },
  busy: { retry: 'at once', meaning: 'the server asks for fewer requests or fewer keepalive pings' },
  deadline: {
    retry: 'later',
    meaning: ({ deadlineMs }) =>
      deadlineMs === undefined ? 'no answer in time' : `no answer within ${deadlineMs} ms`,
  },
  cancelled: { retry: 'never', meaning: 'cancelled' },
  tls: {
    retry: 'never',
    meaning: (_call, _code, details) => tlsMeaning(details),
  },
  'not-found': {
    retry: 'never',
    meaning: 'the server does not have it; repositoryIndex() lists its models',
  },
  rejected: { retry: 'never', meaning: rejection },
  'model-failed': {
    retry: 'never',
    meaning: ({ method }) => (method.endsWith('Infer') ? 'the model failed' : 'the server could not do it'),
  },
  'backend-died': {
    retry: 'later',
    meaning: 'the process that runs the model is gone; unload and load the model, or restart the server',
  },
  'bad-answer': { retry: 'never', meaning: 'the answer is damaged' },
}

function rejection(call: CallContext, code: StatusName, details: string): string {
  const sent = call.sent === undefined ? '' : `; sent: ${call.sent}`
  if (code === 'UNAUTHENTICATED' || code === 'PERMISSION_DENIED')
    return 'access denied; check the headers or the client certificate'
  if (code === 'UNIMPLEMENTED')
    return details.includes('decoupled')
      ? 'the model may answer several times; use streamInfer()'
      : 'the server does not offer this'
  // Triton's complaint about a shape ends with a space, which HTTP/2 forbids: Node and Bun drop the whole text.
  if (code === 'INVALID_ARGUMENT' && details === '')
    return `the request was rejected, most likely for the shape of an input; modelMetadata() shows what is expected${sent}`
  return `the request was rejected${sent}`
}

function subject({ endpoint, method, model }: CallContext): string {
  return `${endpoint}: ${method}${model === undefined ? '' : ` of model "${model}"`}`
}

/** Letters of a server's text that a message shows; the whole of it stands in `details`. */
const SHOWN = 400

function shortened(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} letters)` : text
}
