import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A wire between clients and a server that can be cut, held still, taken away or made to carry rubbish. */
export class Wire implements AsyncDisposable {
  readonly #target: number
  readonly #ends = new Map<Socket, Socket>()
  #server: Server | undefined
  #port = 0
  #isHeld = false

  private constructor(target: number) {
    this.#target = target
  }

  static async to(target: number): Promise<Wire> {
    const wire = new Wire(target)
    await wire.open()
    return wire
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#ends.size
  }

  /** Listens, at the port that it had before. */
  async open(): Promise<void> {
    const server = createServer((client) => this.#join(client)).listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
  }

  /** Cuts every connection; whoever connects meanwhile is refused. */
  close(): void {
    this.#server?.close()
    this.#server = undefined
    this.cut()
  }

  cut(): void {
    for (const [client, server] of this.#ends) {
      client.destroy()
      server.destroy()
    }
  }

  /** Nothing gets through, and nobody hears that: a partition of the network. */
  hold(): void {
    this.#isHeld = true
    for (const pair of this.#ends) for (const socket of pair) socket.pause()
  }

  release(): void {
    this.#isHeld = false
    for (const pair of this.#ends) for (const socket of pair) socket.resume()
  }

  /** Clients get bytes that mean nothing, then the end. */
  garble(): void {
    for (const [client, server] of this.#ends) {
      client.end(randomBytes(4096))
      server.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  #join(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1')
    this.#ends.set(client, server)
    this.#carry(client, server)
    this.#carry(server, client)
    client.once('close', () => this.#ends.delete(client))
    if (this.#isHeld) for (const socket of [client, server]) socket.pause()
  }

  #carry(from: Socket, to: Socket): void {
    from.on('data', (bytes) => {
      if (!to.writable) return
      if (!to.write(bytes)) from.pause()
    })
    to.on('drain', () => {
      if (!this.#isHeld) from.resume()
    })
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
}
