import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  ModelConfigRequestSchema,
  ModelConfigResponseSchema,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  ModelReadyResponseSchema,
} from '../../../../packages/tritonclient-ts/src/proto/service_pb.ts'
import { configOf, right } from './fake-server.ts'

export interface EndlessServer extends Disposable {
  readonly url: string
  /** Most bytes of one answer that were asked for before the client gave it up. */
  readonly taken: number
}

const PIECE = Buffer.alloc(2 ** 20)

/** A server with the models of the demonstration bundle, each of whose embeddings has so many bytes, as a whole message. */
export async function startEndless(bytes: number): Promise<EndlessServer> {
  const state = { taken: 0 }
  const server = createServer()
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const method = String(headers[':path']).split('/').at(-1)
    stream.on('error', () => {})
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => {
      const request = Buffer.concat(parts).subarray(5)
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      if (method === 'ModelInfer') void endless(stream, embedding(request, bytes), bytes, state)
      else stream.end(framed(method === 'ModelConfig' ? config(request) : ready()))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `grpc://127.0.0.1:${port}`,
    get taken() {
      return state.taken
    },
    [Symbol.dispose]: () => void server.close(),
  }
}

function framed(message: Uint8Array, more = 0): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length + more, 1)
  return Buffer.concat([head, message])
}

const ready = () => toBinary(ModelReadyResponseSchema, create(ModelReadyResponseSchema, { ready: true }))

function config(request: Uint8Array): Uint8Array {
  const { name } = fromBinary(ModelConfigRequestSchema, request)
  const answer = { config: configOf(name as 'esm2' | 'dnabert_s') }
  return toBinary(ModelConfigResponseSchema, create(ModelConfigResponseSchema, answer as never))
}

/** All of the answer but the numbers, which follow. */
function embedding(request: Uint8Array, bytes: number): Buffer {
  const answer = right(fromBinary(ModelInferRequestSchema, request))
  const head = toBinary(
    ModelInferResponseSchema,
    create(ModelInferResponseSchema, { ...answer, rawOutputContents: [] }),
  )
  // The tag of the bytes, and how many there are.
  const length: number[] = []
  for (let rest = bytes; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) | 128)
    if (rest < 128) break
  }
  return framed(Buffer.concat([head, Buffer.from([0x32, ...length])]), bytes)
}

async function endless(
  stream: ServerHttp2Stream,
  head: Buffer,
  bytes: number,
  state: { taken: number },
): Promise<void> {
  stream.write(head)
  let sent = 0
  while (sent < bytes && !stream.destroyed && !stream.closed) {
    sent += PIECE.length
    const hasRoom = stream.write(PIECE)
    state.taken = Math.max(state.taken, sent)
    if (!hasRoom) await new Promise<void>((resolve) => stream.once('drain', resolve).once('close', resolve))
  }
  if (!stream.destroyed) stream.end()
}
