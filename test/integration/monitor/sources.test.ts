import { expect, test } from 'bun:test'
import { parseNvidiaSmi } from '../../../src/monitor/sampling/nvidia-smi.ts'
import { parseGpuMetrics } from '../../../src/monitor/sampling/triton.ts'

test("GPUs of a server's metrics page", () => {
  const page = `# HELP nv_gpu_utilization GPU utilization rate [0.0 - 1.0)
# TYPE nv_gpu_utilization gauge
nv_gpu_utilization{gpu_uuid="GPU-a"} 0.970000
nv_gpu_utilization{gpu_uuid="GPU-b"} 0
# TYPE nv_gpu_memory_total_bytes gauge
nv_gpu_memory_total_bytes{gpu_uuid="GPU-a"} 1.50754e+11
nv_gpu_memory_used_bytes{gpu_uuid="GPU-a"} 65000000000.000000
nv_gpu_power_usage{gpu_uuid="GPU-a"} 612.5
nv_inference_count{model="esm2",version="1"} 7
nv_gpu_memory_used_bytes{gpu_uuid="GPU-b"} nan
`
  expect(parseGpuMetrics(page)).toEqual([
    {
      uuid: 'GPU-a',
      busy: 0.97,
      memoryTotalBytes: 150_754_000_000,
      memoryUsedBytes: 65e9,
      powerWatts: 612.5,
    },
    { uuid: 'GPU-b', busy: 0 },
  ])
})

test('GPUs as nvidia-smi lists them', () => {
  // The first line is one of an H200 at rest; the other values stand for load, heat and a card without sensors.
  const text = `0, GPU-872d2cfb, 0, 0, 143771, 40, 119.47, 0x0000000000000001
1, GPU-b, 99, 61234, 143771, 88, 700.10, 0x0000000000000024
2, GPU-c, [N/A], [N/A], [N/A], 30, [Not Supported], 0x0000000000000040
`
  const MIB = 2 ** 20
  expect(parseNvidiaSmi(text)).toEqual([
    {
      uuid: 'GPU-872d2cfb',
      index: 0,
      busy: 0,
      memoryUsedBytes: 0,
      memoryTotalBytes: 143_771 * MIB,
      temperatureCelsius: 40,
      powerWatts: 119.47,
    },
    {
      uuid: 'GPU-b',
      index: 1,
      busy: 0.99,
      memoryUsedBytes: 61_234 * MIB,
      memoryTotalBytes: 143_771 * MIB,
      temperatureCelsius: 88,
      powerWatts: 700.1,
      throttled: ['power', 'thermal'],
    },
    { uuid: 'GPU-c', index: 2, temperatureCelsius: 30, throttled: ['thermal'] },
  ])
})
