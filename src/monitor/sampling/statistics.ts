import type { ModelStatistics, TritonClient } from 'tritonclient-ts'

/** Nanoseconds that each model of a server has computed since it was loaded; instances add up. */
export type ComputeTimes = ReadonlyMap<string, bigint>

/** @returns undefined when the server does not answer in time */
export async function askStatistics(
  client: TritonClient,
  deadlineMs: number,
): Promise<ComputeTimes | undefined> {
  try {
    const models = await client.modelStatistics(undefined, { deadlineMs, retry: false })
    const times = new Map<string, bigint>()
    for (const model of models) times.set(model.name, (times.get(model.name) ?? 0n) + computed(model))
    return times
  } catch {
    // The queue of the backend says what is wrong with a server; here only the sample is missing.
    return undefined
  }
}

function computed({ inferenceStats: times }: ModelStatistics): bigint {
  const parts = [times?.computeInput, times?.computeInfer, times?.computeOutput]
  return parts.reduce((sum, part) => sum + (part?.ns ?? 0n), 0n)
}
