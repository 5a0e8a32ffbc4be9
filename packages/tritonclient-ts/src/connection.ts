import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { type ClientDuplexStream, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { maxAnswerBytes, openChannel, parseEndpoint } from './channel.ts'
import {
  badAnswer,
  type CallContext,
  invalidArgument,
  isWorthAnotherAttempt,
  statusError,
  statusName,
  TritonError,
} from './errors.ts'
import { Lines } from './lines.ts'
import type { CallOptions, ClientOptions, Headers } from './options.ts'
import { onAbort, pause, retryDelay, retryPolicy } from './retry.ts'
import { checkWire } from './wire.ts'

const SERVICE = '/inference.GRPCInferenceService/'

/** A call to make: what it is, and the request already encoded, so that an attempt costs nothing more. */
export interface UnaryCall<O extends DescMessage> {
  readonly method: string
  readonly request: Uint8Array
  readonly answer: O
  readonly model?: string | undefined
  readonly sent?: () => string
  /** Sent again after a failure it may survive. */
  readonly idempotent: boolean
  readonly defaultDeadlineMs?: number
}

const same = (message: Uint8Array): Buffer =>
  Buffer.from(message.buffer, message.byteOffset, message.byteLength)
const untouched = (message: Buffer): Uint8Array => message

/** How calls end that nothing came back for; everything else is from the server, or says that there is no connection. */
const SILENT: ReadonlyMap<status | undefined, 'late' | 'stopped'> = new Map([
  [status.DEADLINE_EXCEEDED, 'late'],
  [status.CANCELLED, 'stopped'],
])

/** A stream of messages in both directions, not yet decoded. */
export type MessageStream = ClientDuplexStream<Uint8Array, Uint8Array>

/** The way to one server: deadlines, cancellation, headers, retries and errors of every call. */
export class Connection {
  readonly url: string
  readonly #options: ClientOptions
  readonly #lines: Lines
  readonly #closing = new AbortController()
  readonly #maxBytes: number

  constructor(options: ClientOptions) {
    const endpoint = parseEndpoint(options.url)
    this.url = endpoint.url
    this.#options = options
    retryPolicy(options.retry)
    this.#maxBytes = maxAnswerBytes(options)
    this.#lines = new Lines(() => openChannel(endpoint, options))
  }

  async unary<O extends DescMessage>(call: UnaryCall<O>, options: CallOptions): Promise<MessageShape<O>> {
    const limitMs = options.deadlineMs ?? this.#options.deadlineMs ?? call.defaultDeadlineMs ?? 60_000
    const context = this.context(call.method, call.model, limitMs)
    const end = limitMs > 0 ? performance.now() + limitMs : Number.POSITIVE_INFINITY
    const policy = retryPolicy(call.idempotent ? (options.retry ?? this.#options.retry) : false)
    for (let attempt = 1; ; attempt++) {
      this.#checkGoing(context, options.signal)
      const outcome = await this.#attempt(call, context, options, end, attempt)
      if (!(outcome instanceof TritonError)) return decode(context, call.answer, outcome)
      const delay = retryDelay(policy, attempt)
      const again =
        attempt < policy.attempts && isWorthAnotherAttempt(outcome.reason) && performance.now() + delay < end
      if (!again) throw outcome
      await pause(delay, options.signal, this.#closing.signal)
    }
  }

  /** Opens a stream; the caller reads, writes and cancels it. */
  async stream(
    method: string,
    options: CallOptions,
  ): Promise<{ stream: MessageStream; context: CallContext }> {
    const limitMs = options.deadlineMs ?? 0
    const context = this.context(method, undefined, limitMs)
    this.#checkGoing(context, options.signal)
    const metadata = await callMetadata(this.#options.headers, options)
    this.#checkGoing(context, options.signal)
    const line = this.#lines.begin()
    const stream = line.channel.makeBidiStreamRequest(SERVICE + method, same, untouched, metadata, {
      ...(limitMs > 0 ? { deadline: Date.now() + limitMs } : {}),
    })
    const release = onAbort([options.signal, this.#closing.signal], () => stream.cancel())
    stream.once('status', () => {
      release()
      // Whether anything came back during all that time is not known.
      line.end('stopped')
    })
    return { stream, context }
  }

  /** The error for what a stream of this connection failed with. */
  streamError(context: CallContext, error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true || this.#closing.signal.aborted) return this.#stopped(context, signal)
    return isServiceError(error) ? failure(context, error, 1, this.#maxBytes) : error
  }

  close(): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#lines.close()
  }

  context(method: string, model: string | undefined, limitMs: number): CallContext {
    return { endpoint: this.url, method, model, deadlineMs: limitMs > 0 ? limitMs : undefined }
  }

  /** Resolves to the answer or to the failure, so that only defects are thrown. */
  async #attempt<O extends DescMessage>(
    call: UnaryCall<O>,
    context: CallContext,
    options: CallOptions,
    end: number,
    attempt: number,
  ): Promise<Uint8Array | TritonError> {
    const metadata = await callMetadata(this.#options.headers, options)
    this.#checkGoing(context, options.signal)
    const settled = await this.#send(call, metadata, end, options.signal)
    if (settled instanceof Uint8Array) return settled
    // A call that we cancelled can still report the failure it met a moment before.
    if (options.signal?.aborted === true || this.#closing.signal.aborted)
      return this.#stopped(context, options.signal)
    return failure({ ...context, sent: call.sent?.() }, settled, attempt, this.#maxBytes)
  }

  #send(
    call: UnaryCall<DescMessage>,
    metadata: Metadata,
    end: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | ServiceError> {
    return new Promise((resolve) => {
      let release = () => {}
      const line = this.#lines.begin()
      // What grpc-js calls unary is read up to the first message: of a second one, nobody would hear before the deadline.
      const sent = line.channel.makeClientStreamRequest<Uint8Array, Uint8Array>(
        SERVICE + call.method,
        same,
        untouched,
        metadata,
        // The library wants the time of day; how long is left does not depend on it, as somebody may set the clock.
        { ...(Number.isFinite(end) ? { deadline: Date.now() + end - performance.now() } : {}) },
        (error, answer) => {
          release()
          line.end(SILENT.get(error?.code) ?? 'heard')
          resolve(error ?? answer ?? new Uint8Array(0))
        },
      )
      release = onAbort([signal, this.#closing.signal], () => sent.cancel())
      sent.end(call.request)
    })
  }

  #checkGoing(context: CallContext, signal: AbortSignal | undefined): void {
    if (signal?.aborted === true || this.#closing.signal.aborted) throw this.#stopped(context, signal)
  }

  #stopped(context: CallContext, signal: AbortSignal | undefined): TritonError {
    return signal?.aborted === true
      ? statusError(context, 'CANCELLED', 'by the caller', { cause: signal.reason })
      : statusError(context, 'CANCELLED', 'the client is closed')
  }
}

/** What grpc-js finds wrong with an answer, whose status says something else: by the text of the status, its meaning. */
const FAULTS: readonly (readonly [RegExp, string])[] = [
  [/^No message received$/, 'the answer has no message, or half of one'],
  [/^Too many responses received$/, 'the answer has more than one message'],
  [/^Received HTTP status code 200$/, 'the answer ends without a gRPC status'],
  [/^Failed to decompress \w+-encoded message$/, 'the answer cannot be decompressed'],
]

/** @returns undefined where the server has said, or the connection has shown, what is wrong */
function faultOf({ code, details }: ServiceError, maxBytes: number): string | undefined {
  // grpc-js has lost its own error on the way.
  if (code === undefined) return 'the answer is compressed, and not as its headers say'
  if (!Number.isInteger(code)) return 'the answer ends with a status that is not a number'
  const tooLong = /^Received message larger than max \((\d+) vs (\d+)\)$/.exec(details)
  if (tooLong !== null && Number(tooLong[2]) === maxBytes)
    return `the answer is announced with ${tooLong[1]} bytes, at most ${maxBytes} are taken`
  if (details === `Received message that decompresses to a size larger than ${maxBytes}`)
    return `the answer decompresses to more than ${maxBytes} bytes, which are the most that are taken`
  return FAULTS.find(([text]) => text.test(details))?.[1]
}

function failure(context: CallContext, error: ServiceError, attempts: number, maxBytes: number): TritonError {
  const fault = faultOf(error, maxBytes)
  if (fault !== undefined) return badAnswer(context, fault, error, attempts)
  return statusError(context, statusName(error.code), error.details ?? '', { attempts, cause: error })
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error
}

/** An answer that is no message of this kind is the server's or a proxy's fault, not the caller's. */
export function decode<O extends DescMessage>(
  context: CallContext,
  schema: O,
  bytes: Uint8Array,
): MessageShape<O> {
  try {
    checkWire(schema, bytes)
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw badAnswer(context, `the answer is not a ${schema.typeName}`, cause)
  }
}

/** What goes with a call as HTTP/2 headers: the client's, then those of the call, which replace. */
async function callMetadata(common: ClientOptions['headers'], call: CallOptions): Promise<Metadata> {
  const metadata = new Metadata({ waitForReady: call.waitForReady ?? false })
  const first = typeof common === 'function' ? await common() : common
  for (const headers of [first, call.headers]) if (headers !== undefined) set(metadata, headers)
  return metadata
}

function set(metadata: Metadata, headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      metadata.remove(name)
      const values = typeof value === 'string' || value instanceof Uint8Array ? [value] : value
      for (const each of values) metadata.add(name, typeof each === 'string' ? each : Buffer.from(each))
    } catch (cause) {
      // The value may be a secret: it is not shown, nor is grpc-js's message, which shows it.
      throw invalidArgument(
        `header "${name}" cannot be sent: names are letters, digits, "-", "_" and "."; values are printable ASCII, and bytes need a name that ends in "-bin"`,
        cause instanceof TypeError ? { cause } : {},
      )
    }
  }
}
