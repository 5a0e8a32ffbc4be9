import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { faultTools, inNamespacesOf } from './tools.ts'

/** What a cable does to packets; nothing but what is named. */
export interface LinkFaults {
  /** Nothing gets through: from the client, to it, or both. */
  readonly cut?: 'up' | 'down' | 'both'
  /** Connections of before get nothing through any more, new ones do: a firewall that has forgotten them. */
  readonly forget?: boolean
  /** Every packet of a connection of before is answered with a reset, at both ends. */
  readonly reset?: boolean
  /** A connection without a packet for so long is forgotten. */
  readonly idleSeconds?: number
  readonly delayMs?: number
  /** At random, from none to so much more. */
  readonly jitterMs?: number
  /** Parts of the packets that are lost, come twice, are overtaken. */
  readonly loss?: number
  readonly duplicate?: number
  readonly reorder?: number
  readonly bitsPerSecond?: number
  /** Larger packets vanish, and nobody says so. */
  readonly largest?: number
  readonly seed?: number
}

/** Two machines, as it were, with a cable between them. */
export interface Network extends AsyncDisposable {
  /** Words before a command, which start it on the machine of the client, or on that of the server. */
  readonly client: readonly string[]
  readonly server: readonly string[]
  /** Replaces what the cable does. */
  link(faults?: LinkFaults): Promise<void>
}

/** Addresses of the server. */
export const SERVER = { v4: '10.77.0.2', v6: '[fd77::2]' } as const

/** Makes namespaces that end with this process, and leaves nothing of itself in the system. */
export async function startNetwork(): Promise<Network> {
  const cable = Bun.spawn(
    [
      ...['unshare', '--user', '--map-root-user', '--net', '--mount'],
      ...['python3', resolve(import.meta.dir, 'link.py')],
    ],
    {
      env: { ...process.env, PATH: `${faultTools}:${process.env.PATH}` },
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    },
  )
  const lines = createInterface({ input: Readable.fromWeb(cable.stdout as never) })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`the cable ended with ${await cable.exited}`)
    return JSON.parse(value)
  }
  const { client, server } = await answer()
  return {
    client: inNamespacesOf(client, 'net', 'mount'),
    server: inNamespacesOf(server, 'net', 'mount'),
    async link(faults = {}) {
      cable.stdin.write(`${JSON.stringify(faults)}\n`)
      await cable.stdin.flush()
      await answer()
    },
    async [Symbol.asyncDispose]() {
      await cable.stdin.end()
      await cable.exited
    },
  }
}
