import { setTimeout } from 'node:timers/promises'
import * as v from 'valibot'
import { connectionsAt } from './listener.ts'
import type { OneServer } from './server.ts'

/** Between two looks, unless the time is shorter than some of them. */
const LOOK_MS = 10_000
const LOOKS = 5
const ANSWER_MS = 5000

const StatisticsSchema = v.object({
  model_stats: v.array(v.object({ inference_count: v.optional(v.number(), 0) })),
})

/**
 * Resolves when nobody has used some servers for a time: no model has computed anything, and no program has been connected,
 * as a run is that waits for its input. Or when the signal is aborted.
 */
export async function untilIdle(
  servers: () => readonly OneServer[],
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const pause = Math.min(LOOK_MS, (seconds * 1000) / LOOKS)
  let used = performance.now()
  let before = new Map<string, number>()
  while (!signal.aborted && performance.now() - used < seconds * 1000) {
    await setTimeout(pause, undefined, { signal, ref: false }).catch(() => {})
    const now = new Map<string, number>()
    for (const server of servers()) {
      const count = await inferences(server.httpUrl)
      // One that does not answer is as it was.
      now.set(server.httpUrl, count ?? before.get(server.httpUrl) ?? 0)
      if (connectionsAt(server.plan.ports.grpc) > 0) used = performance.now()
    }
    if ([...now].some(([url, count]) => count !== (before.get(url) ?? 0))) used = performance.now()
    before = now
  }
}

/** How many the models of a server have computed; undefined where it does not say. */
async function inferences(httpUrl: string): Promise<number | undefined> {
  try {
    // A connection kept open would hold the server back from stopping.
    const answer = await fetch(`${httpUrl}/v2/models/stats`, {
      headers: { connection: 'close' },
      keepalive: false,
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    const { model_stats } = v.parse(StatisticsSchema, await answer.json())
    return model_stats.reduce((sum, { inference_count }) => sum + inference_count, 0)
  } catch {
    return undefined
  }
}
