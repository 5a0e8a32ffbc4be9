// A program of its own: prints the UUIDs of the GPUs that CUDA sees, in its order. Source: CUDA Driver API, device management.
import { dlopen } from 'bun:ffi'

const { symbols: cuda } = dlopen('libcuda.so.1', {
  cuInit: { args: ['u32'], returns: 'i32' },
  cuDeviceGetCount: { args: ['ptr'], returns: 'i32' },
  cuDeviceGet: { args: ['ptr', 'i32'], returns: 'i32' },
  cuDeviceGetUuid: { args: ['ptr', 'i32'], returns: 'i32' },
})

check(cuda.cuInit(0))
const count = new Int32Array(1)
check(cuda.cuDeviceGetCount(count))
for (let number = 0; number < count[0]!; number++) {
  const device = new Int32Array(1)
  check(cuda.cuDeviceGet(device, number))
  const uuid = new Uint8Array(16)
  check(cuda.cuDeviceGetUuid(uuid, device[0]!))
  console.log(`GPU-${uuid.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}`)
}

function check(result: number): void {
  if (result !== 0) process.exit(1)
}
