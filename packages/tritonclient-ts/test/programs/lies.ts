import { readFileSync, writeFileSync } from 'node:fs'
import type * as triton from '../../src/index.ts'

/** What a client makes of a server. */
export interface Seen {
  /** `right`, `wrong`, the reason of the error, or what kind of exception it is. */
  readonly end: string
  readonly message: string
  /** Megabytes that the process has grown by, at most. */
  readonly grewMb: number
}

/** A server, and how long its answer is waited for. */
export interface Asked {
  readonly url: string
  readonly deadlineMs: number
}

/** Answers of these tests have some bytes. */
export const MOST_BYTES = 64 * 2 ** 20

/** Asks each server once for the same two numbers: all of them at once, or one after the other. */
export async function lies(
  { TritonClient, TritonError }: typeof triton,
  servers: Readonly<Record<string, Asked>>,
  together: boolean,
): Promise<Record<string, Seen>> {
  const seen: Record<string, Seen> = {}
  const ask = async (name: string, { url, deadlineMs }: Asked) => {
    const before = together ? 0 : forgetPeak()
    const client = new TritonClient({ url, retry: false, deadlineMs, maxAnswerBytes: MOST_BYTES })
    let end = ''
    let message = ''
    try {
      const { data } = (await client.infer({ model: 'm', inputs: [] })).output('OUT', 'FP32')
      end = data.length === 2 && data[0] === 1.5 && data[1] === -2 ? 'right' : 'wrong'
    } catch (error) {
      end = error instanceof TritonError ? error.reason : `not ours: ${error}`
      message = error instanceof Error ? error.message : ''
    }
    client.close()
    seen[name] = { end, message, grewMb: together ? 0 : peak() - before }
  }
  if (together) await Promise.all(Object.entries(servers).map(([name, server]) => ask(name, server)))
  else for (const [name, server] of Object.entries(servers)) await ask(name, server)
  return seen
}

/** @returns megabytes of this process now, which its peak is measured from */
function forgetPeak(): number {
  writeFileSync('/proc/self/clear_refs', '5')
  return peak()
}

function peak(): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
}
