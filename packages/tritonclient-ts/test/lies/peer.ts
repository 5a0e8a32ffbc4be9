import { createServer, type Server, type Socket } from 'node:net'

/** Types of HTTP/2 frames. Source: RFC 9113, 6. */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  promise: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const

export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4
export const PADDED = 8

/** A frame as it goes over the wire; nothing is checked, lengths and flags may lie. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Settings by number. */
export function settings(values: Readonly<Record<number, number>> = {}): Buffer {
  const payload = Buffer.alloc(6 * Object.keys(values).length)
  for (const [i, [id, value]] of Object.entries(values).entries()) {
    payload.writeUInt16BE(Number(id), 6 * i)
    payload.writeUInt32BE(value, 6 * i + 2)
  }
  return frame(FRAME.settings, 0, 0, payload)
}

/** Headers as literals without a table or Huffman codes. Source: RFC 7541, 6.2.2. */
export function headerBlock(headers: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]))
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const length: number[] = []
  if (bytes.length < 127) length.push(bytes.length)
  else {
    length.push(127)
    let rest = bytes.length - 127
    for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128)
    length.push(rest)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}

export const OK_HEADERS = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
] as const

export function responseHeaders(stream: number, more: readonly (readonly [string, string])[] = []): Buffer {
  return frame(FRAME.headers, END_HEADERS, stream, headerBlock([...OK_HEADERS, ...more]))
}

export function trailers(stream: number, headers: readonly (readonly [string, string])[]): Buffer {
  return frame(FRAME.headers, END_HEADERS | END_STREAM, stream, headerBlock(headers))
}

/** A gRPC message: whether it is compressed, its length, itself. */
export function message(body: Uint8Array, compressed = 0, length = body.length): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(compressed, 0)
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, body])
}

export function data(stream: number, bytes: Uint8Array, flags = 0): Buffer {
  return frame(FRAME.data, flags, stream, bytes)
}

/** The other end of a client's connection. */
export class Peer {
  readonly socket: Socket
  #rest = Buffer.alloc(0)
  #greeted = false
  readonly #requests: number[] = []
  #wake = () => {}

  /** @param reads - answers settings and pings and notices requests; else what comes is thrown away */
  constructor(socket: Socket, reads: boolean) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => reads && this.#read(bytes))
  }

  get isGone(): boolean {
    return this.socket.destroyed || !this.socket.writable
  }

  /** Writes; resolves once there is room again, or the client is gone. */
  async send(...parts: Uint8Array[]): Promise<void> {
    if (this.isGone || this.socket.write(Buffer.concat(parts))) return
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of ['drain', 'close', 'error']) this.socket.off(event, done)
        resolve()
      }
      for (const event of ['drain', 'close', 'error']) this.socket.on(event, done)
    })
  }

  /** Writes the same over and over, until the client is gone. */
  async flood(make: (count: number) => Uint8Array): Promise<void> {
    for (let count = 0; !this.isGone; count++) {
      await this.send(make(count))
      if (count % 64 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Number of the next stream whose request is complete. */
  async request(): Promise<number> {
    while (this.#requests.length === 0 && !this.isGone) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        this.socket.once('close', resolve)
      })
    }
    return this.#requests.shift() ?? 1
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes])
    if (!this.#greeted) {
      if (this.#rest.length < 24) return
      this.#rest = this.#rest.subarray(24)
      this.#greeted = true
    }
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3)
      if (this.#rest.length < 9 + length) return
      const [type, flags, stream] = [this.#rest[3]!, this.#rest[4]!, this.#rest.readUInt32BE(5)]
      this.#take(type, flags, stream, this.#rest.subarray(9, 9 + length))
      this.#rest = this.#rest.subarray(9 + length)
    }
  }

  #take(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === FRAME.settings && (flags & ACK) === 0) void this.send(frame(FRAME.settings, ACK, 0))
    if (type === FRAME.ping && (flags & ACK) === 0) void this.send(frame(FRAME.ping, ACK, 0, payload))
    if ((type === FRAME.data || type === FRAME.headers) && (flags & END_STREAM) !== 0) {
      this.#requests.push(stream)
      this.#wake()
    }
  }
}

export interface Listener extends AsyncDisposable {
  readonly port: number
}

/** Listens on this machine; `serve` gets each connection. */
export async function listen(serve: (socket: Socket) => void): Promise<Listener> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
