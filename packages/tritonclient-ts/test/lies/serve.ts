import type { Asked } from '../programs/lies.ts'
import type { Lie } from './lies.ts'
import { type Listener, listen, Peer, settings } from './peer.ts'

const SHORT_MS = 700
const LONG_MS = 60_000

/** Servers that tell lies, one each. */
export async function serveLies(
  lies: Readonly<Record<string, Lie>>,
): Promise<AsyncDisposable & { readonly asked: Readonly<Record<string, Asked>> }> {
  const listeners: Listener[] = []
  const asked: Record<string, Asked> = {}
  for (const [name, { serve, greets = true, reads = true, scheme = 'grpc', ends }] of Object.entries(lies)) {
    const listener = await listen((socket) => {
      const peer = new Peer(socket, reads)
      if (greets) void peer.send(settings({ 4: 65_535 }))
      void serve(peer)
    })
    listeners.push(listener)
    asked[name] = {
      url: `${scheme}://127.0.0.1:${listener.port}`,
      // Where an answer is expected a busy machine must not make it a late one.
      deadlineMs: ends.includes('deadline') ? SHORT_MS : LONG_MS,
    }
  }
  return {
    asked,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(listeners.map((listener) => listener[Symbol.asyncDispose]()))
    },
  }
}
