// Loads a Triton server with batches of one shape, a fixed number on their way at once, through this project's own
// client, and prints one line of JSON. Usage: bun triton-client.ts URL MODEL ROWS LENGTH IN_FLIGHT SECONDS

import { TritonClient } from 'tritonclient-ts'

const [url = '', model = '', ...numbers] = process.argv.slice(2)
const [rows = 0, length = 0, inFlight = 0, seconds = 0] = numbers.map(Number)
const [first, letters] = model === 'dnabert_s' ? [5, 4000] : [4, 20]

const client = new TritonClient({ url, retry: false })
await client.waitUntilReady({ models: [model], deadlineMs: 120_000 })
const ids = Int32Array.from({ length: rows * length }, () => first + Math.floor(letters * Math.random()))
const request = {
  model,
  inputs: [
    { name: 'input_ids', datatype: 'INT32', shape: [rows, length], data: ids },
    { name: 'lengths', datatype: 'INT32', shape: [rows], data: new Int32Array(rows).fill(length) },
  ],
} as const

async function load(milliseconds: number): Promise<{ done: number; ms: number }> {
  const start = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() - start < milliseconds) {
        const { shape, data } = (await client.infer(request)).output('embedding', 'FP32')
        // One number of each row: to look at all takes longer than a batch of DNABERT-S.
        const width = data.length / rows
        for (let row = 0; row < rows; row++)
          if (shape[0] !== rows || !Number.isFinite(data[row * width]))
            throw new Error('the answer holds no embeddings')
        done++
      }
    }),
  )
  return { done, ms: performance.now() - start }
}

await load(1000)
const before = process.cpuUsage()
const { done, ms } = await load(1000 * seconds)
const { user, system } = process.cpuUsage(before)
console.log(
  JSON.stringify({
    model,
    rows,
    length,
    in_flight: inFlight,
    requests: done,
    tokens_per_s: Math.round((1000 * done * rows * length) / ms),
    client_cpu_ms_per_request: Math.round((user + system) / 10 / done) / 100,
  }),
)
client.close()
