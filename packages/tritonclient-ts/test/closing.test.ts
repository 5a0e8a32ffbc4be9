import { expect, test } from 'bun:test'
import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { Wire } from '../../../test/support/faults/wire.ts'
import { TritonClient } from '../src/index.ts'
import { writeRepository } from './repository.ts'

/** Takes connections, and answers nothing. */
async function silentServer() {
  const seen = { opened: 0, closed: 0 }
  const server = createServer().on('session', (session) => {
    seen.opened++
    session.once('close', () => seen.closed++)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return { seen, url: `grpc://127.0.0.1:${port}`, [Symbol.dispose]: () => void server.close() }
}

test('a client that is closed while it connects leaves no connection behind', async () => {
  using server = await silentServer()
  const { seen } = server
  const calls: Promise<unknown>[] = []
  // Before the name is known, before the connection stands, and after.
  for (const moments of [1, 2, 3, 5, 8, 100, 1000]) {
    const client = new TritonClient(server.url)
    calls.push(client.serverLive().catch((error) => error))
    for (let i = 0; i < moments; i++) await null
    if (moments >= 100) await Bun.sleep(moments / 50)
    client.close()
  }
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'CANCELLED' })
  // None is made later: the last of them would have stood by then.
  const opened = async () => {
    const before = seen.opened
    await Bun.sleep(500)
    return seen.opened > before
  }
  while (await opened());
  for (let tries = 0; seen.closed < seen.opened && tries < 100; tries++) await Bun.sleep(50)
  expect(seen.opened).toBeGreaterThan(0)
  expect(seen.closed).toBe(seen.opened)
})

test.skipIf(!hasTriton)(
  'nor does one with a cancelled call that the server has answered all the same',
  async () => {
    await using folder = temporaryFolder()
    writeRepository(folder.path)
    await using server = await startTriton({ repository: folder.path, models: ['sleep'] })
    await using wire = await Wire.to(server.ports.grpc)
    const inputs = [{ name: 'IN', datatype: 'FP32', shape: [1], data: Float32Array.of(0.02) }] as const
    for (let i = 0; i < 10; i++) {
      const client = new TritonClient(`grpc://${wire.address}`)
      expect(await client.serverReady()).toBe(true)
      const controller = new AbortController()
      const call = client.infer({ model: 'sleep', inputs }, { signal: controller.signal })
      await Bun.sleep(2 * (i % 3))
      controller.abort()
      await expect(call).rejects.toMatchObject({ code: 'CANCELLED' })
      // The answer comes.
      await Bun.sleep(100)
      client.close()
    }
    for (let tries = 0; wire.connections > 0 && tries < 100; tries++) await Bun.sleep(50)
    expect(wire.connections).toBe(0)
  },
)
