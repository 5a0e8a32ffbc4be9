import { classify, type FailureReason, isRetryable } from './classify.ts'
import { TritonError } from './errors.ts'
import type { StatusName } from './status.ts'

/** Letters of a server's text that a message shows. */
const SHOWN = 400

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
  return new TritonError(sentence(call, code, reason, details.trim()), {
    code,
    reason,
    retryable: isRetryable(reason),
    endpoint: call.endpoint,
    method: call.method,
    model: call.model,
    details,
    ...extra,
  })
}

/** The error for an answer that came with status OK and cannot be right. */
export function badAnswer(call: CallContext, fault: string, cause?: unknown): TritonError {
  return new TritonError(`${subject(call)}: ${fault}`, {
    code: 'DATA_LOSS',
    reason: 'bad-answer',
    retryable: false,
    endpoint: call.endpoint,
    method: call.method,
    model: call.model,
    cause,
  })
}

function subject({ endpoint, method, model }: CallContext): string {
  return `${endpoint}: ${method}${model === undefined ? '' : ` of model "${model}"`}`
}

function sentence(call: CallContext, code: StatusName, reason: FailureReason, details: string): string {
  const text = cut(details)
  const said = details === '' ? `(${code}, without a text)` : `(${code}: ${text})`
  return `${subject(call)}: ${meaning(call, code, reason, details)} ${said}`
}

/** A server's text may be as long as it likes; the whole of it stands in `details`. */
function cut(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} letters)` : text
}

function meaning(call: CallContext, code: StatusName, reason: FailureReason, details: string): string {
  switch (reason) {
    case 'unavailable':
      return 'no connection to the server, or it takes no requests now; check that it runs at this address'
    case 'draining':
      return 'the server shuts down, or the model was unloaded'
    case 'busy':
      return 'the server asks for fewer requests or fewer keepalive pings'
    case 'deadline':
      return call.deadlineMs === undefined ? 'no answer in time' : `no answer within ${call.deadlineMs} ms`
    case 'cancelled':
      return 'cancelled'
    case 'tls':
      return 'the encrypted connection could not be made; check the certificates, and grpcs:// against grpc://'
    case 'not-found':
      return 'the server does not have it; repositoryIndex() lists its models'
    case 'rejected':
      return rejection(call, code, details)
    case 'model-failed':
      return call.method.endsWith('Infer') ? 'the model failed' : 'the server could not do it'
    case 'backend-died':
      return 'the process that runs the model is gone; unload and load the model, or restart the server'
    case 'bad-answer':
      return 'the answer is damaged'
  }
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
