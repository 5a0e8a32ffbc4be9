import { TritonClient } from 'tritonclient-ts'

/** What a server says of a model since it was loaded. */
export interface ModelTimes {
  /** Requests answered. */
  readonly count: number
  /** Milliseconds of all instances together: computing alone, and with the copies before and after it. */
  readonly inferMs: number
  readonly busyMs: number
}

export async function modelTimes(url: string, model: string): Promise<ModelTimes> {
  const client = new TritonClient({ url })
  try {
    const [found] = await client.modelStatistics(model)
    const { computeInput, computeInfer, computeOutput } = found?.inferenceStats ?? {}
    const ms = (part: { ns: bigint } | undefined) => Number(part?.ns ?? 0n) / 1e6
    return {
      count: Number(computeInfer?.count ?? 0n),
      inferMs: ms(computeInfer),
      busyMs: ms(computeInput) + ms(computeInfer) + ms(computeOutput),
    }
  } finally {
    client.close()
  }
}

export function since(before: ModelTimes, after: ModelTimes): ModelTimes {
  return {
    count: after.count - before.count,
    inferMs: after.inferMs - before.inferMs,
    busyMs: after.busyMs - before.busyMs,
  }
}

/** A part of a run's time for each instance, from when its last batch was done until all were: what the end costs. */
export function tailLoss(ends: readonly number[], end: number, start: number): number {
  const lost = ends.reduce((sum, each) => sum + (end - each), 0)
  return lost / (ends.length * (end - start))
}
