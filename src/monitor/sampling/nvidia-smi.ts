import { askNvidiaSmi } from '../../machine/index.ts'
import { type DeviceMetrics, THROTTLE_REASONS } from '../metrics.ts'

/** What one source says about one GPU. */
export interface GpuReading
  extends Partial<
    Pick<
      DeviceMetrics,
      'busy' | 'memoryUsedBytes' | 'memoryTotalBytes' | 'temperatureCelsius' | 'powerWatts' | 'throttled'
    >
  > {
  /** `GPU-…`, the same from every source. */
  uuid: string
  /** Number on its machine, where the source says it. */
  index?: number
}

/** Numbers of a GPU: what `nvidia-smi` calls them, and by how much to multiply. */
const FIELDS = [
  ['utilization.gpu', 'busy', 0.01],
  ['memory.used', 'memoryUsedBytes', 1 << 20],
  ['memory.total', 'memoryTotalBytes', 1 << 20],
  ['temperature.gpu', 'temperatureCelsius', 1],
  ['power.draw', 'powerWatts', 1],
] as const

/** Names that the reasons for lowered clocks have had, and their bits, from NVIDIA's nvml.h. */
const REASONS = ['clocks_throttle_reasons.active', 'clocks_event_reasons.active'] as const
const BITS = {
  // Power cap and power brake.
  power: 0x04 | 0x80,
  // Slowdown by driver and by hardware.
  thermal: 0x20 | 0x40,
} as const

/** Asks for the GPUs of this machine; the answer is undefined when it fails or takes longer than it may. */
export type AskGpus = (deadlineMs: number) => Promise<GpuReading[] | undefined>

/** The driver's own program; undefined where it is not there. */
export function nvidiaSmi(): AskGpus | undefined {
  const names = [...REASONS]
  if (Bun.which('nvidia-smi') === null) return undefined
  return async (deadlineMs) => {
    const [reasons] = names
    if (reasons === undefined) return undefined
    const query = ['index', 'uuid', ...FIELDS.map(([name]) => name), reasons].join()
    const answer = await askNvidiaSmi([`--query-gpu=${query}`, '--format=csv,noheader,nounits'], {
      deadlineMs,
    })
    if (answer === undefined) return undefined
    if ('text' in answer) return parseNvidiaSmi(answer.text)
    // 2: it does not know a field. Else the driver is in trouble, which may pass.
    if (answer.code === 2) names.shift()
    return undefined
  }
}

/** A field that a GPU does not have reads `[N/A]`, and is left out. */
export function parseNvidiaSmi(text: string): GpuReading[] {
  return text.split('\n').flatMap((line) => {
    const [index, uuid, ...values] = line.split(',').map((part) => part.trim())
    if (uuid === undefined || !uuid.startsWith('GPU-')) return []
    const numbers = values.map((value) => (value === '' ? Number.NaN : Number(value)))
    const gpu: GpuReading = { uuid, index: Number(index) }
    for (const [i, [, field, scale]] of FIELDS.entries()) {
      const value = numbers[i] ?? Number.NaN
      if (Number.isFinite(value)) gpu[field] = value * scale
    }
    const mask = numbers[FIELDS.length] ?? 0
    const throttled = THROTTLE_REASONS.filter((reason) => (mask & BITS[reason]) !== 0)
    if (throttled.length > 0) gpu.throttled = throttled
    return gpu
  })
}
