import { afterAll, expect, test } from 'bun:test'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type FakeServer, startFake } from '../../../test/e2e/dispatch/support/fake-server.ts'
import { TritonClient } from '../src/index.ts'

/** A firewall in front of a server: it forgets connections when told, and lets nothing through them any more. */
class Firewall {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  /** Connections so far. */
  connections = 0

  constructor(to: number) {
    this.#server = createServer((client) => {
      this.connections++
      const server = connect(to, '127.0.0.1')
      const pair = [client, server] as const
      this.#pairs.add(pair)
      client.pipe(server).pipe(client)
      for (const side of pair) side.on('error', () => {})
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((ready) => this.#server.listen(0, '127.0.0.1', ready))
    return `grpc://127.0.0.1:${(this.#server.address() as { port: number }).port}`
  }

  /** Both ends stay open, and what is sent on them is lost. */
  forget(): void {
    for (const [client, server] of this.#pairs) {
      client.unpipe(server)
      server.unpipe(client)
      client.resume()
      server.resume()
    }
  }

  close(): void {
    for (const side of [...this.#pairs].flat()) side.destroy()
    this.#server.close()
  }
}

let server: FakeServer | undefined
let wall: Firewall | undefined
afterAll(() => {
  wall?.close()
  server?.[Symbol.dispose]()
})

test('a connection that a firewall has forgotten is replaced after one silent call, and no other is', async () => {
  server = await startFake({ infer: () => undefined })
  wall = new Firewall(Number(server.url.split(':').pop()))
  using client = new TritonClient({ url: await wall.listen(), retry: false })
  const silent = (deadlineMs: number) =>
    client.infer({ model: 'esm2', inputs: [] }, { deadlineMs }).catch((error: Error) => error.message)
  expect(await client.serverReady()).toBe(true)

  // An answer that is long in coming while others come says nothing about the connection.
  const waiting = silent(1_500)
  await Bun.sleep(300)
  expect(await client.serverReady()).toBe(true)
  expect(await waiting).toContain('no answer within 1500 ms')
  expect(await client.serverReady()).toBe(true)
  expect(wall.connections).toBe(1)

  wall.forget()
  const left = silent(60_000)
  expect(await silent(1_200)).toContain('no answer within 1200 ms')
  expect(await client.serverReady({ deadlineMs: 10_000 })).toBe(true)
  expect(wall.connections).toBe(2)
  // What was under way on the old one is neither lost nor ended by that.
  expect(await Promise.race([left, Bun.sleep(50).then(() => 'under way')])).toBe('under way')
})
