import type { DeviceMetrics } from '../metrics.ts'

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
