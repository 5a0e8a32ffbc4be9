import { once } from 'node:events'
import { type Connection, decode, type MessageStream } from './connection.ts'
import { type CallContext, statusError, type TritonError } from './errors.ts'
import type { StreamOptions } from './options.ts'
import { ModelStreamInferResponseSchema } from './proto/service_pb.ts'
import { encodeRequest, sharedOutputs } from './request.ts'
import { InferResult } from './result.ts'
import type { InferRequest } from './tensors.ts'

/** One answer of a stream. A request that fails does not end the stream. */
export type StreamAnswer =
  | { readonly id: string; readonly result: InferResult; readonly error?: undefined }
  | { readonly id: string; readonly result?: undefined; readonly error: TritonError }

type Requests = Iterable<InferRequest> | AsyncIterable<InferRequest>

/**
 * Sends requests as the server takes them and yields answers as they come, which need not be in the order of the
 * requests. Leaving the loop cancels what is in flight.
 */
export async function* streamInfer(
  connection: Connection,
  requests: Requests,
  options: StreamOptions,
): AsyncGenerator<StreamAnswer, void, undefined> {
  const { stream, context } = await connection.stream('ModelStreamInfer', options)
  // The error reaches the loop below; without a listener a stream nobody reads any more would end the process.
  stream.on('error', () => {})
  const sender = new Sender(stream, requests, options.maxPending ?? Number.POSITIVE_INFINITY)
  const sending = sender.run()
  try {
    for await (const message of stream as AsyncIterable<Uint8Array>) {
      const answer = readAnswer(context, message, sender.shared)
      // More answers to the same request follow where the model says so.
      if (answer.result?.final !== false) sender.answered()
      yield answer
    }
    await sending
  } catch (error) {
    if (sender.failed) throw sender.error
    throw connection.streamError(context, error, options.signal)
  } finally {
    stream.cancel()
    sender.stop()
  }
  if (sender.failed) throw sender.error
}

/** Feeds a stream from the caller's requests, no faster than it takes them. */
class Sender {
  failed = false
  error: unknown
  /** Names of outputs that some request wants in shared memory. */
  readonly shared = new Set<string>()
  readonly #stream: MessageStream
  readonly #iterator: Iterator<InferRequest> | AsyncIterator<InferRequest>
  readonly #maxPending: number
  #pending = 0
  #wake = () => {}
  #stopped = false

  constructor(stream: MessageStream, requests: Requests, maxPending: number) {
    this.#stream = stream
    this.#maxPending = maxPending
    this.#iterator =
      Symbol.asyncIterator in requests ? requests[Symbol.asyncIterator]() : requests[Symbol.iterator]()
  }

  /** Never rejects: a failure is kept and cancels the stream, which ends the loop that reads. */
  async run(): Promise<void> {
    try {
      while (!this.#stopped) {
        const next = await this.#iterator.next()
        if (this.#stopped) return
        if (next.done === true) break
        for (const name of sharedOutputs(next.value)) this.shared.add(name)
        this.#pending++
        if (!this.#stream.write(encodeRequest(next.value))) await drained(this.#stream)
        while (this.#pending >= this.#maxPending && !this.#stopped) {
          await new Promise<void>((wake) => {
            this.#wake = wake
          })
        }
      }
      this.#stream.end()
    } catch (error) {
      if (this.#stopped) return
      this.failed = true
      this.error = error
      this.#stream.cancel()
    }
  }

  /** A request is done with: the next may be sent. */
  answered(): void {
    this.#pending--
    this.#wake()
  }

  /** Lets the caller's generator clean up; it is not waited for, as it may be waiting for something itself. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#wake()
    void Promise.resolve(this.#iterator.return?.()).catch(() => {})
  }
}

/** Resolves when the stream takes more or is over. */
async function drained(stream: MessageStream): Promise<void> {
  const over = new AbortController()
  await Promise.race([
    once(stream, 'drain', { signal: over.signal }),
    once(stream, 'close', { signal: over.signal }),
    once(stream, 'status', { signal: over.signal }),
  ]).catch(() => {})
  over.abort()
}

function readAnswer(context: CallContext, message: Uint8Array, shared: ReadonlySet<string>): StreamAnswer {
  const { errorMessage, inferResponse } = decode(context, ModelStreamInferResponseSchema, message)
  const id = inferResponse?.id ?? ''
  const model = inferResponse?.modelName === '' ? undefined : inferResponse?.modelName
  const call = { ...context, model }
  if (errorMessage !== '' || inferResponse === undefined)
    // The status does not travel inside a stream: UNKNOWN, unless the text says which.
    return { id, error: statusError(call, statusOfText(errorMessage), errorMessage, { attempts: 1 }) }
  return { id, result: new InferResult(call, inferResponse, shared) }
}

function statusOfText(text: string): 'NOT_FOUND' | 'INVALID_ARGUMENT' | 'INTERNAL' | 'UNKNOWN' {
  if (/unknown model|no available versions/i.test(text)) return 'NOT_FOUND'
  if (/unexpected (?:shape|inference input|datatype|data-type)|expected \d+ inputs|byte size/i.test(text))
    return 'INVALID_ARGUMENT'
  return /failed to process|stub process/i.test(text) ? 'INTERNAL' : 'UNKNOWN'
}
