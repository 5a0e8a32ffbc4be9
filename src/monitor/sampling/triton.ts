import type { ModelStatistics, TritonClient } from '#tritonclient-ts'
import type { GpuReading } from './nvidia-smi.ts'

/**
 * What a server's page for Prometheus says about its GPUs.
 *
 * @returns undefined when there is no such page or it does not answer in time
 */
export async function askMetricsPage(url: string, deadlineMs: number): Promise<GpuReading[] | undefined> {
  try {
    const answer = await fetch(url, {
      // A connection kept open would hold up a server that is being stopped.
      keepalive: false,
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(deadlineMs),
    })
    return answer.ok ? parseGpuMetrics(await answer.text()) : undefined
  } catch {
    return undefined
  }
}

/** Names in Triton's documentation, "Metrics": a share of 1, bytes and watts. */
const FIELDS = {
  nv_gpu_utilization: 'busy',
  nv_gpu_memory_used_bytes: 'memoryUsedBytes',
  nv_gpu_memory_total_bytes: 'memoryTotalBytes',
  nv_gpu_power_usage: 'powerWatts',
} as const

/** GPUs in the order in which the page names them. */
export function parseGpuMetrics(page: string): GpuReading[] {
  const gpus = new Map<string, GpuReading>()
  for (const line of page.split('\n')) {
    const [, name = '', uuid = '', value = ''] =
      /^(nv_gpu_[a-z_]+)\{(?:[^}]*,)?gpu_uuid="([^"]+)"[^}]*\}\s+(\S+)/.exec(line) ?? []
    const field = FIELDS[name as keyof typeof FIELDS]
    const number = Number(value)
    if (field === undefined || value === '' || !Number.isFinite(number) || number < 0) continue
    const gpu = gpus.get(uuid) ?? { uuid }
    gpu[field] = field === 'busy' ? Math.min(1, number) : number
    gpus.set(uuid, gpu)
  }
  return [...gpus.values()]
}

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
