import { expect, test } from 'bun:test'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { TritonClient } from '../src/index.ts'

test('a server may send a whole answer of 3 MB before it waits for the client', async () => {
  const server = createServer()
  const allowed = new Promise<number>((resolve) => {
    server.on('session', (session) => {
      session.once('remoteSettings', ({ initialWindowSize = 0 }) => resolve(initialWindowSize))
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const client = new TritonClient(`grpc://127.0.0.1:${(server.address() as AddressInfo).port}`)
  try {
    const asked = client.serverLive({ deadlineMs: 5000, retry: false }).catch(() => {})
    expect(await allowed).toBeGreaterThan(3_300_000)
    client.close()
    await asked
  } finally {
    client.close()
    server.close()
  }
})
