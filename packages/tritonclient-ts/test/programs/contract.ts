import type * as triton from '../../src/index.ts'

/** Requests of one size, several at a time. */
export interface Load {
  readonly bytes: readonly number[]
  readonly requests: number
  readonly inFlight: number
}

/** 3,000 requests: most are small, some meet HTTP/2's first window of 65,535 bytes, a few are as large as they get. */
export const CONTRACT: readonly Load[] = [
  { bytes: [1_000], requests: 300, inFlight: 1 },
  { bytes: [1_000], requests: 300, inFlight: 2 },
  { bytes: [1_000], requests: 400, inFlight: 8 },
  { bytes: [1_000], requests: 800, inFlight: 32 },
  { bytes: [0, 1, 1_001, 4_093, 16_384], requests: 400, inFlight: 4 },
  { bytes: [65_500, 65_530, 65_535, 65_536, 65_537, 131_071], requests: 300, inFlight: 8 },
  { bytes: [300_000], requests: 50, inFlight: 1 },
  { bytes: [300_000], requests: 250, inFlight: 8 },
  { bytes: [300_000, 1_000], requests: 100, inFlight: 32 },
  { bytes: [4_000_000], requests: 20, inFlight: 1 },
  { bytes: [4_000_000], requests: 40, inFlight: 4 },
  { bytes: [4_000_000], requests: 32, inFlight: 32 },
  { bytes: [40_000_000], requests: 3, inFlight: 1 },
  { bytes: [40_000_000, 1_000, 40_000_000, 300_000], requests: 5, inFlight: 3 },
]

export interface Measured {
  readonly requests: number
  readonly wrong: number
  readonly errors: readonly string[]
  /** One line for each load. */
  readonly rates: readonly string[]
}

/** Sends the loads to the model `echo` and compares every byte of the answers. */
export async function contract(
  { TritonClient }: typeof triton,
  url: string,
  loads: readonly Load[] = CONTRACT,
): Promise<Measured> {
  using client = new TritonClient(url)
  const measured = { requests: 0, wrong: 0, errors: [] as string[], rates: [] as string[] }
  let seed = 1
  // One signal for all, as a program that may be interrupted has.
  const { signal } = new AbortController()
  for (const { bytes, requests, inFlight } of loads) {
    let left = requests
    const start = performance.now()
    const worker = async () => {
      while (left > 0) {
        const size = bytes[--left % bytes.length]!
        const { sent, expected } = sample(size, seed++)
        try {
          const inputs = [{ name: 'IN', datatype: 'UINT8', shape: [size], data: sent } as const]
          const result = await client.infer({ model: 'echo', inputs }, { signal })
          const { data } = result.output('OUT', 'UINT8')
          if (Buffer.compare(data, expected) !== 0) measured.wrong++
        } catch (error) {
          measured.errors.push(String(error))
        }
        measured.requests++
      }
    }
    await Promise.all(Array.from({ length: inFlight }, worker))
    const rate = requests / ((performance.now() - start) / 1000)
    measured.rates.push(
      `${bytes.join('/')} B, ${inFlight} in flight: ${rate.toFixed(rate < 10 ? 1 : 0)} requests/s`,
    )
  }
  return measured
}

/** Bytes that differ from request to request, and what the model makes of them. */
function sample(size: number, seed: number): { sent: Uint8Array; expected: Uint8Array } {
  const words = new Uint32Array(Math.ceil(size / 4))
  const flipped = new Uint32Array(words.length)
  let state = (seed * 2654435761) >>> 0 || 1
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
    flipped[i] = state ^ 0x5a5a5a5a
  }
  return { sent: new Uint8Array(words.buffer, 0, size), expected: new Uint8Array(flipped.buffer, 0, size) }
}
