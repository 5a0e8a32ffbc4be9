import type { StreamDecoder } from '@grpc/grpc-js/build/src/stream-decoder.js'

/** So many pieces of a message are kept before they are looked at. */
const MOST_PIECES = 1024
/** Mean bytes of a piece below which keeping it costs more than copying it. */
const SMALL_BYTES = 256

/** What is private in a decoder: the bytes of a message that is not whole, in the pieces in which they came. */
interface Decoder {
  readonly readPartialMessage?: Buffer[]
}

/** How many pieces of each message have been looked at. */
const seen = new WeakMap<Buffer[], number>()

let isDone = false

/**
 * From now on joins the small pieces of messages that are under way. grpc-js 1.14.7 keeps every piece by itself until the message is
 * whole, some hundred bytes each, so that a server which sends 60 MB byte by byte would take 18 GB from its client. A version of
 * grpc-js that does it otherwise, or elsewhere, is left as it is.
 */
export async function joinSmallPieces(): Promise<void> {
  if (isDone) return
  isDone = true
  // Not one of its public modules.
  const module = await import('@grpc/grpc-js/build/src/stream-decoder.js').catch(() => undefined)
  const decoder: StreamDecoder | undefined = module?.StreamDecoder?.prototype
  const write = decoder?.write
  if (decoder === undefined || write === undefined) return
  decoder.write = function (this: StreamDecoder, data) {
    const messages = write.call(this, data)
    const pieces = (this as unknown as Decoder).readPartialMessage
    if (Array.isArray(pieces)) joinLatest(pieces)
    return messages
  }
}

function joinLatest(pieces: Buffer[]): void {
  const from = seen.get(pieces) ?? 0
  if (pieces.length - from < MOST_PIECES) return
  const latest = pieces.slice(from)
  const bytes = latest.reduce((sum, { length }) => sum + length, 0)
  if (bytes < SMALL_BYTES * latest.length) pieces.splice(from, latest.length, Buffer.concat(latest, bytes))
  seen.set(pieces, pieces.length)
}
