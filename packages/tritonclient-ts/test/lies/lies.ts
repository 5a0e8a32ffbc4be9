import { gzipSync } from 'node:zlib'
import { create, toBinary } from '@bufbuild/protobuf'
import { ModelInferResponseSchema } from '../../src/proto/service_pb.ts'
import {
  ACK,
  data,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  headerBlock,
  message,
  OK_HEADERS,
  PADDED,
  type Peer,
  responseHeaders,
  settings,
  trailers,
} from './peer.ts'

/** What a server may do instead of answering. */
export interface Lie {
  readonly serve: (peer: Peer) => void | Promise<void>
  /** Begin with the settings that every connection begins with. @default true */
  readonly greets?: boolean
  /** Read what the client sends. @default true */
  readonly reads?: boolean
  /** What the client expects to speak. @default grpc */
  readonly scheme?: 'grpc' | 'grpcs'
  /** Reasons of the errors that say it as it is; `right` where the answer counts all the same. */
  readonly ends: readonly string[]
}

/** What every honest answer of these tests is. */
export const ANSWER = Buffer.from(
  toBinary(
    ModelInferResponseSchema,
    create(ModelInferResponseSchema, {
      modelName: 'm',
      outputs: [{ name: 'OUT', datatype: 'FP32', shape: [2n] }],
      rawOutputContents: [new Uint8Array(new Float32Array([1.5, -2]).buffer)],
    }),
  ),
)

const OK = [['grpc-status', '0']] as const
const WHOLE = message(ANSWER)

type Parts = (stream: number) => Uint8Array[]

/** Answers each request with these bytes. */
function answers(parts: Parts): (peer: Peer) => Promise<void> {
  return async (peer) => {
    while (!peer.isGone) {
      const stream = await peer.request()
      await peer.send(...parts(stream))
    }
  }
}

function says(parts: Parts, ...ends: string[]): Lie {
  return { serve: answers(parts), ends }
}

const honest: Parts = (stream) => [responseHeaders(stream), data(stream, WHOLE), trailers(stream, OK)]
const withTrailers = (headers: readonly (readonly [string, string])[]): Parts => {
  return (stream) => [responseHeaders(stream), data(stream, WHOLE), trailers(stream, headers)]
}
const withMessage = (bytes: Uint8Array, more: readonly (readonly [string, string])[] = []): Parts => {
  return (stream) => [responseHeaders(stream, more), data(stream, bytes), trailers(stream, OK)]
}

function resets(code: number, before: (stream: number) => Uint8Array[], ...ends: string[]): Lie {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(code)
  return says((stream) => [...before(stream), frame(FRAME.reset, 0, stream, number)], ...ends)
}

function goaway(last: number, code: number, text = ''): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(last, 0)
  head.writeUInt32BE(code, 4)
  return frame(FRAME.goaway, 0, 0, Buffer.concat([head, Buffer.from(text)]))
}

function window(stream: number, by: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(by >>> 0)
  return frame(FRAME.window, 0, stream, payload)
}

/** A page, as proxies answer with. */
function html(stream: number, status: string, page: string): Buffer[] {
  const headers = headerBlock([
    [':status', status],
    ['content-type', 'text/html'],
  ])
  return [frame(FRAME.headers, END_HEADERS, stream, headers), data(stream, Buffer.from(page), END_STREAM)]
}

const bytewise = (stream: number): Buffer[] => Array.from(WHOLE, (byte) => data(stream, Buffer.from([byte])))

/** Legal, however odd: the answer counts. */
const ODD: Readonly<Record<string, Lie>> = {
  honest: says(honest, 'right'),
  'split at every byte': says(
    (stream) => [responseHeaders(stream), ...bytewise(stream), trailers(stream, OK)],
    'right',
  ),
  'empty data frames': says(
    (stream) => [
      responseHeaders(stream),
      ...Array.from({ length: 200 }, () => data(stream, Buffer.alloc(0))),
      data(stream, WHOLE),
      trailers(stream, OK),
    ],
    'right',
  ),
  'padded data': says(
    (stream) => [
      responseHeaders(stream),
      data(stream, Buffer.concat([Buffer.from([200]), WHOLE, Buffer.alloc(200)]), PADDED),
      trailers(stream, OK),
    ],
    'right',
  ),
  'frames of unknown types': says(
    (stream) => [frame(0xbe, 255, 0, Buffer.alloc(100)), ...honest(stream), frame(0xbe, 0, stream)],
    'right',
  ),
  'headers in pieces': says((stream) => {
    const block = headerBlock(OK_HEADERS)
    // Node takes eight continuations.
    const starts = [0, 1, 2, 10, 30]
    const pieces = starts.map((start, i) =>
      frame(
        i === 0 ? FRAME.headers : FRAME.continuation,
        i === starts.length - 1 ? END_HEADERS : 0,
        stream,
        block.subarray(start, starts[i + 1]),
      ),
    )
    return [...pieces, data(stream, WHOLE), trailers(stream, OK)]
  }, 'right'),
  'an answer before the last settings': {
    greets: false,
    serve: async (peer) => {
      await peer.send(settings({ 3: 100 }), settings({ 4: 1000 }), settings({}))
      await answers(honest)(peer)
    },
    ends: ['right'],
  },
  'gzip that was not asked for': says(
    withMessage(message(gzipSync(ANSWER), 1), [['grpc-encoding', 'gzip']]),
    'right',
  ),
  'many more headers': says(
    (stream) => [
      responseHeaders(
        stream,
        Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'v'.repeat(20)] as const),
      ),
      data(stream, WHOLE),
      trailers(stream, OK),
    ],
    'right',
  ),
}

/** Trailers that say nothing, or nonsense. */
const TRAILERS: Readonly<Record<string, Lie>> = {
  'no trailers': says((stream) => [responseHeaders(stream), data(stream, WHOLE, END_STREAM)], 'unavailable'),
  'trailers without a status': says(withTrailers([['x', 'y']]), 'bad-answer'),
  'status that is no number': says(withTrailers([['grpc-status', 'fine']]), 'bad-answer'),
  'status of minus one': says(withTrailers([['grpc-status', '-1']]), 'model-failed'),
  'status beyond every number': says(withTrailers([['grpc-status', '9'.repeat(400)]]), 'bad-answer'),
  'status that is empty': says(withTrailers([['grpc-status', '']]), 'right'),
  'status with a text that rings': says(
    withTrailers([
      ['grpc-status', '13'],
      ['grpc-message', 'a\x1b]0;title\x07%1B%0A%00b'],
    ]),
    'model-failed',
  ),
  'status with a text of escapes': says(
    withTrailers([
      ['grpc-status', '13'],
      ['grpc-message', '%1B]0;title%07%0Ab%ff%zz'],
    ]),
    'model-failed',
  ),
  'two statuses': says(
    withTrailers([
      ['grpc-status', '0'],
      ['grpc-status', '13'],
    ]),
    'bad-answer',
  ),
  'trailers twice': says((stream) => [...honest(stream), trailers(stream, [['grpc-status', '13']])], 'right'),
  'only trailers, and they say all is well': says(
    (stream) => [trailers(stream, [...OK_HEADERS, ...OK])],
    'bad-answer',
  ),
  'HTML with status 200': says(
    (stream) => html(stream, '200', `<!doctype html>${'<p>Welcome</p>'.repeat(20)}`),
    'bad-answer',
  ),
  'HTML with status 502': says((stream) => html(stream, '502', '<p>Bad gateway</p>'), 'unavailable'),
}

/** Messages that are not one message. */
const MESSAGES: Readonly<Record<string, Lie>> = {
  'two messages': says(withMessage(Buffer.concat([WHOLE, WHOLE])), 'bad-answer'),
  'two messages that differ': says(
    withMessage(Buffer.concat([WHOLE, message(ANSWER.subarray(0, 3))])),
    'bad-answer',
  ),
  'no message': says((stream) => [responseHeaders(stream), trailers(stream, OK)], 'bad-answer'),
  'half of a message': says(withMessage(WHOLE.subarray(0, 20)), 'bad-answer'),
  'half of a length': says(withMessage(WHOLE.subarray(0, 3)), 'bad-answer'),
  'a message of 4 GiB less one': says(withMessage(message(ANSWER, 0, 2 ** 32 - 1)), 'bad-answer'),
  'a message one byte too long': says(withMessage(message(ANSWER, 0, ANSWER.length - 1)), 'bad-answer'),
  'compressed in words only': says(withMessage(message(ANSWER, 1)), 'bad-answer'),
  'compressed as nobody does': says(
    withMessage(message(ANSWER, 1), [['grpc-encoding', 'snappy']]),
    'bad-answer',
  ),
  'gzip that is none': says(withMessage(message(ANSWER, 1), [['grpc-encoding', 'gzip']]), 'bad-answer'),
  'gzip cut off': says(
    withMessage(message(gzipSync(ANSWER).subarray(0, 20), 1), [['grpc-encoding', 'gzip']]),
    'bad-answer',
  ),
  'a compressed flag of 255': says(withMessage(message(ANSWER, 255)), 'right'),
  'data after the end': says((stream) => [...honest(stream), data(stream, WHOLE)], 'right'),
  'data before the headers': says(
    (stream) => [data(stream, WHOLE), responseHeaders(stream), trailers(stream, OK)],
    'right',
    'deadline',
    'unavailable',
  ),
  'padding longer than the frame': says(
    (stream) => [
      responseHeaders(stream),
      data(stream, Buffer.concat([Buffer.from([255]), WHOLE]), PADDED),
      trailers(stream, OK),
    ],
    'unavailable',
    'deadline',
  ),
}

/** The connection or the stream ends early. */
const ENDS: Readonly<Record<string, Lie>> = {
  ...Object.fromEntries(
    [0, 1, 2, 7, 8, 11, 13, 0xdeadbeef].map((code) => [
      `reset with ${code} before anything`,
      resets(code, () => [], code === 8 ? 'cancelled' : code === 11 ? 'busy' : 'unavailable'),
    ]),
  ),
  'reset after the headers': resets(2, (stream) => [responseHeaders(stream)], 'unavailable'),
  'reset in the message': resets(
    2,
    (stream) => [responseHeaders(stream), data(stream, WHOLE.subarray(0, 10))],
    'unavailable',
  ),
  'reset after the message': resets(
    2,
    (stream) => [responseHeaders(stream), data(stream, WHOLE)],
    'unavailable',
  ),
  'reset after all of it': resets(2, honest, 'right'),
  'closed at once': { greets: false, serve: (peer) => void peer.socket.destroy(), ends: ['unavailable'] },
  'closed after the settings': { serve: (peer) => void peer.socket.end(), ends: ['unavailable'] },
  'closed in the message': {
    serve: async (peer) => {
      const stream = await peer.request()
      await peer.send(responseHeaders(stream), data(stream, WHOLE.subarray(0, 10)))
      peer.socket.end()
    },
    ends: ['unavailable'],
  },
  'closed after the message': {
    serve: async (peer) => {
      const stream = await peer.request()
      await peer.send(responseHeaders(stream), data(stream, WHOLE))
      peer.socket.end()
    },
    ends: ['unavailable'],
  },
  'goaway at once': { serve: (peer) => peer.send(goaway(0, 0)), ends: ['unavailable', 'deadline'] },
  'goaway for pings': {
    serve: (peer) => peer.send(goaway(0, 11, 'too_many_pings')),
    ends: ['unavailable', 'busy', 'deadline'],
  },
  'goaway in the answer': says(
    (stream) => [responseHeaders(stream), goaway(stream, 0), data(stream, WHOLE), trailers(stream, OK)],
    'right',
    'unavailable',
  ),
  'goaway for this request, which then goes on': says(
    (stream) => [goaway(0, 2), ...honest(stream)],
    'right',
    'unavailable',
  ),
}

/** Frames that the protocol forbids, and bytes that are no frames. */
const GARBAGE: Readonly<Record<string, Lie>> = {
  'random bytes': {
    greets: false,
    serve: (peer) => peer.send(Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i * 7 + i) & 255))),
    ends: ['unavailable', 'deadline'],
  },
  zeros: { greets: false, serve: (peer) => peer.send(Buffer.alloc(5000)), ends: ['unavailable', 'deadline'] },
  'HTTP/1.1': {
    greets: false,
    serve: (peer) => peer.send(Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')),
    ends: ['unavailable', 'deadline'],
  },
  'TLS where plain is spoken': {
    greets: false,
    serve: (peer) => peer.send(Buffer.from([21, 3, 3, 0, 2, 2, 70])),
    ends: ['unavailable', 'deadline'],
  },
  'plain where TLS is spoken': { scheme: 'grpcs', serve: () => {}, ends: ['tls'] },
  'HTTP/1.1 where TLS is spoken': {
    scheme: 'grpcs',
    greets: false,
    serve: (peer) => peer.send(Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')),
    ends: ['tls'],
  },
  'TLS cut in the handshake': {
    scheme: 'grpcs',
    greets: false,
    serve: (peer) => {
      peer.socket.once('data', () => peer.socket.end(Buffer.from([22, 3, 3, 0, 100, 2])))
    },
    ends: ['unavailable', 'tls'],
  },
  'random bytes after the settings': {
    serve: async (peer) => {
      await peer.request()
      await peer.send(Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i * 7 + i) & 255)))
    },
    ends: ['unavailable', 'deadline'],
  },
  'a frame of 16 MB': says(
    (stream) => [frame(FRAME.data, 0, stream, Buffer.alloc(100), 0xffffff)],
    'unavailable',
    'deadline',
  ),
  'headers on stream 0': says(() => [responseHeaders(0)], 'unavailable', 'deadline'),
  'headers on a stream of nobody': says(
    (stream) => [responseHeaders(stream + 100)],
    'unavailable',
    'deadline',
  ),
  'a pushed promise': says(
    (stream) => [
      frame(
        FRAME.promise,
        END_HEADERS,
        stream,
        Buffer.concat([
          Buffer.from([0, 0, 0, 2]),
          headerBlock([
            [':method', 'GET'],
            [':path', '/'],
          ]),
        ]),
      ),
      ...honest(stream),
    ],
    'right',
    'unavailable',
  ),
  'headers of an index that is not there': says(
    (stream) => [frame(FRAME.headers, END_HEADERS, stream, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]))],
    'unavailable',
    'deadline',
  ),
  'headers cut in a letter': says(
    (stream) => [frame(FRAME.headers, END_HEADERS, stream, Buffer.from([0, 127, 255, 255, 3, 65]))],
    'unavailable',
    'deadline',
  ),
  'a table of 4 GiB': says(
    (stream) => [
      frame(FRAME.headers, END_HEADERS, stream, Buffer.from([0x3f, 0xe0, 0xff, 0xff, 0xff, 0x0f, 0x88])),
    ],
    'unavailable',
    'deadline',
  ),
  'a continuation of nothing': says(
    (stream) => [frame(FRAME.continuation, 0, stream, headerBlock(OK_HEADERS))],
    'unavailable',
    'deadline',
  ),
  'a window beyond the largest': says(
    (stream) => [window(stream, 2 ** 31 - 1), window(0, 2 ** 31 - 1), ...honest(stream)],
    'unavailable',
  ),
  'a window of nothing': says((stream) => [window(stream, 0), ...honest(stream)], 'unavailable'),
  'settings of five bytes': says(
    (stream) => [frame(FRAME.settings, 0, 0, Buffer.alloc(5)), ...honest(stream)],
    'unavailable',
    'deadline',
  ),
  'settings out of range': says(
    (stream) => [settings({ 2: 7, 4: 2 ** 32 - 1, 5: 1 }), ...honest(stream)],
    'right',
    'unavailable',
  ),
  'an acknowledgement of nothing': says(
    (stream) => [frame(FRAME.settings, ACK, 0), ...honest(stream)],
    'right',
    'unavailable',
  ),
  'a ping of seven bytes': says(
    (stream) => [frame(FRAME.ping, 0, 0, Buffer.alloc(7)), ...honest(stream)],
    'unavailable',
    'deadline',
  ),
}

/**
 * Header blocks that HTTP/2 refuses. Node may abort then: when it collects a connection before its streams, however the
 * program is written (nodejs/node#39951).
 */
export const BROKEN_HEADERS: Readonly<Record<string, Lie>> = {
  'no status of HTTP at all': says(
    (stream) => [
      frame(FRAME.headers, END_HEADERS, stream, headerBlock([['content-type', 'application/grpc']])),
      data(stream, WHOLE),
      trailers(stream, OK),
    ],
    'right',
    'unavailable',
  ),
  'headers in capitals': says(
    (stream) => [responseHeaders(stream, [['Grpc-Status', '0']]), data(stream, WHOLE), trailers(stream, OK)],
    'right',
    'unavailable',
  ),
}

/** Nothing comes, or so slowly that it never ends. */
const SILENCE: Readonly<Record<string, Lie>> = {
  'not a word': { greets: false, serve: () => {}, ends: ['deadline', 'unavailable'] },
  'settings and not a word': { serve: () => {}, ends: ['deadline'] },
  'no window, for ever': {
    greets: false,
    serve: (peer) => peer.send(settings({ 4: 0 })),
    ends: ['deadline'],
  },
  'no stream allowed, for ever': {
    greets: false,
    serve: (peer) => peer.send(settings({ 3: 0 })),
    ends: ['deadline'],
  },
  'headers and not a word': says((stream) => [responseHeaders(stream)], 'deadline'),
  'a message without an end': says(
    (stream) => [responseHeaders(stream), data(stream, WHOLE.subarray(0, 12))],
    'deadline',
  ),
  'a message and no trailers': says((stream) => [responseHeaders(stream), data(stream, WHOLE)], 'deadline'),
  'a byte now and then': {
    serve: async (peer) => {
      const stream = await peer.request()
      await peer.send(responseHeaders(stream))
      for (const byte of WHOLE) {
        if (peer.isGone) return
        await peer.send(data(stream, Buffer.from([byte])))
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    },
    ends: ['deadline'],
  },
}

export const LIES: Readonly<Record<string, Lie>> = {
  ...ODD,
  ...TRAILERS,
  ...MESSAGES,
  ...ENDS,
  ...GARBAGE,
  ...SILENCE,
}

const CHUNK = Buffer.alloc(16_000, 65)
/** Many frames at a time, so that the server is not what limits the flood. */
function many(piece: Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: Math.ceil(65_536 / piece.length) }, () => piece))
}

async function afterRequest(
  peer: Peer,
  first: (stream: number) => Uint8Array[],
  again: (stream: number) => Buffer,
): Promise<void> {
  const stream = await peer.request()
  await peer.send(...first(stream))
  const piece = many(again(stream))
  await peer.flood(() => piece)
}

const floods = (
  first: (stream: number) => Uint8Array[],
  again: (stream: number) => Buffer,
  ...ends: string[]
): Lie => ({
  serve: (peer) => afterRequest(peer, first, again),
  ends,
})

/** As much as the connection takes, for as long as it is there. Memory must stay bounded. */
export const FLOODS: Readonly<Record<string, Lie>> = {
  'data without end': {
    serve: async (peer) => {
      const stream = await peer.request()
      await peer.send(responseHeaders(stream), data(stream, message(CHUNK, 0, 2 ** 31 - 1)))
      const piece = many(data(stream, CHUNK))
      await peer.flood(() => piece)
    },
    ends: ['bad-answer'],
  },
  'a message byte by byte, without end': floods(
    (stream) => [responseHeaders(stream), data(stream, message(Buffer.alloc(0), 0, 60_000_000))],
    (stream) => data(stream, Buffer.alloc(1)),
    'deadline',
  ),
  'messages without end': floods(
    (stream) => [responseHeaders(stream)],
    (stream) => data(stream, WHOLE),
    'bad-answer',
  ),
  'empty data without end': floods(
    (stream) => [responseHeaders(stream)],
    (stream) => data(stream, Buffer.alloc(0)),
    'deadline',
    'unavailable',
  ),
  'headers without end, in pieces': floods(
    (stream) => [frame(FRAME.headers, 0, stream, headerBlock(OK_HEADERS))],
    (stream) => frame(FRAME.continuation, 0, stream, headerBlock([['x', 'v'.repeat(15_000)]])),
    'deadline',
    'unavailable',
  ),
  'empty pieces of headers without end': floods(
    (stream) => [frame(FRAME.headers, 0, stream, headerBlock(OK_HEADERS))],
    (stream) => frame(FRAME.continuation, 0, stream),
    'deadline',
    'unavailable',
  ),
  'interim headers without end': floods(
    () => [],
    (stream) =>
      frame(
        FRAME.headers,
        END_HEADERS,
        stream,
        headerBlock([
          [':status', '103'],
          ['x', 'v'.repeat(1000)],
        ]),
      ),
    'deadline',
  ),
  'headers again and again': floods(
    (stream) => [responseHeaders(stream)],
    (stream) => responseHeaders(stream, [['x', 'v'.repeat(1000)]]),
    'unavailable',
  ),
  'settings without end': floods(
    () => [],
    () => settings({ 3: 100, 4: 65_535 }),
    'deadline',
    'unavailable',
  ),
  'pings without end': floods(
    () => [],
    () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
    'deadline',
    'unavailable',
  ),
  'pings without end, answers not read': {
    reads: false,
    serve: async (peer) => {
      peer.socket.pause()
      const piece = many(frame(FRAME.ping, 0, 0, Buffer.alloc(8)))
      await peer.flood(() => piece)
    },
    ends: ['deadline', 'unavailable'],
  },
  'unknown frames without end': floods(
    () => [],
    () => frame(0xbe, 0, 0, Buffer.alloc(1000)),
    'deadline',
    'unavailable',
  ),
  'window updates without end': floods(
    () => [],
    (stream) => window(stream, 1),
    'deadline',
    'unavailable',
  ),
  'resets of streams of nobody without end': floods(
    () => [],
    (stream) => frame(FRAME.reset, 0, stream + 2, Buffer.alloc(4)),
    'deadline',
    'unavailable',
  ),
  'a gigabyte in a megabyte': says((stream) => {
    const bomb = message(BOMB, 1)
    const pieces: Buffer[] = []
    for (let at = 0; at < bomb.length; at += 16_000) pieces.push(data(stream, bomb.subarray(at, at + 16_000)))
    return [responseHeaders(stream, [['grpc-encoding', 'gzip']]), ...pieces, trailers(stream, OK)]
  }, 'bad-answer'),
}

const ZEROS = gzipSync(Buffer.alloc(2 ** 24))
/** A gigabyte of zeros, as many equal members of gzip. */
const BOMB = Buffer.concat(Array.from({ length: 64 }, () => ZEROS))
