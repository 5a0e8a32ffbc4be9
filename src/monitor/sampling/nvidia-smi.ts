import type { GpuReading } from './gpu.ts'

/** Fields in this order; the reasons for lowered clocks have had two names. */
const FIELDS = 'index,uuid,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw'
const REASONS = ['clocks_throttle_reasons.active', 'clocks_event_reasons.active'] as const

// Bits of the mask, from NVIDIA's nvml.h: power cap and power brake; thermal slowdown by driver and by hardware.
const POWER = 0x04 | 0x80
const THERMAL = 0x20 | 0x40

const MIB = 1 << 20

/** The GPUs of this machine, from the driver's own program. */
export class NvidiaSmi {
  readonly #program: string
  #reasons = 0

  private constructor(program: string) {
    this.#program = program
  }

  /** Undefined where the program is not there. */
  static find(): NvidiaSmi | undefined {
    const program = Bun.which('nvidia-smi')
    return program === null ? undefined : new NvidiaSmi(program)
  }

  /** @returns undefined when it fails or takes longer than it may */
  async ask(deadlineMs: number): Promise<GpuReading[] | undefined> {
    const reasons = REASONS[this.#reasons]
    if (reasons === undefined) return undefined
    const query = `--query-gpu=${FIELDS},${reasons}`
    try {
      const child = Bun.spawn([this.#program, query, '--format=csv,noheader,nounits'], {
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'ignore',
        timeout: deadlineMs,
      })
      const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited])
      if (code === 0) return parseNvidiaSmi(text)
      // 2: it does not know a field. Else the driver is in trouble, which may pass.
      if (code === 2) this.#reasons++
    } catch {
      // Not a program that can be started.
      this.#reasons = REASONS.length
    }
    return undefined
  }
}

/** A field that a GPU does not have reads `[N/A]`, and is left out. */
export function parseNvidiaSmi(text: string): GpuReading[] {
  return text.split('\n').flatMap((line) => {
    const [index, uuid, busy, used, total, temperature, power, mask] = line
      .split(',')
      .map((part) => part.trim())
    if (uuid === undefined || !uuid.startsWith('GPU-')) return []
    const gpu: GpuReading = { uuid, index: Number(index) }
    const known = (value: string | undefined, take: (value: number) => void) => {
      if (value !== undefined && value !== '' && Number.isFinite(Number(value))) take(Number(value))
    }
    known(busy, (percent) => {
      gpu.busy = Math.min(1, percent / 100)
    })
    known(used, (mib) => {
      gpu.memoryUsedBytes = mib * MIB
    })
    known(total, (mib) => {
      gpu.memoryTotalBytes = mib * MIB
    })
    known(temperature, (celsius) => {
      gpu.temperatureCelsius = celsius
    })
    known(power, (watts) => {
      gpu.powerWatts = watts
    })
    known(mask, (bits) => {
      const throttled: NonNullable<GpuReading['throttled']> = []
      if ((bits & POWER) !== 0) throttled.push('power')
      if ((bits & THERMAL) !== 0) throttled.push('thermal')
      if (throttled.length > 0) gpu.throttled = throttled
    })
    return gpu
  })
}
