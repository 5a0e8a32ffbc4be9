import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TokenBatch, TritonBackend } from '../../src/backends/index.ts'
import { hasTriton, startTriton, type TritonServer } from '../../test/support/triton.ts'

export interface Sleeping {
  /** What ESM-2 takes for a request, in milliseconds. */
  sleepMs: number
  instances: number
  /** Every number of an answer, which tells the server that gave it. @default 0 */
  mark?: number
  /** Width of the embedding. */
  dimension: number
  /** File to which the server adds a line for each request done: milliseconds since 1970. */
  log?: string
}

/** Chunks of 150 bases in all they can be as proteins: what fills a token budget of 16,384. */
export const ROWS = 320
export const LENGTH = 51

/** The same batch again and again: making batches has a bench of its own. */
export const BATCH: TokenBatch = {
  inputIds: new Int32Array(ROWS * LENGTH).fill(5),
  lengths: new Int32Array(ROWS).fill(LENGTH),
  rows: ROWS,
  paddedLength: LENGTH,
}

/** A server with both models, of which `dnabert_s` is only there because the backend wants it. */
export async function startSleeping(folder: string, options: Sleeping): Promise<TritonServer> {
  if (!hasTriton) process.exit(1)
  writeModel(folder, 'esm2', options)
  writeModel(folder, 'dnabert_s', { ...options, instances: 1, log: '' })
  return await startTriton({ repository: folder })
}

function writeModel(
  folder: string,
  name: string,
  { sleepMs, instances, mark = 0, dimension, log = '' }: Sleeping,
): void {
  mkdirSync(join(folder, name, '1'), { recursive: true })
  copyFileSync(join(import.meta.dir, 'sleeping_model.py'), join(folder, name, '1', 'model.py'))
  const parameters = Object.entries({ sleep_ms: sleepMs, dimension, mark, log }).map(
    ([key, value]) => `parameters { key: "${key}" value: { string_value: "${value}" } }`,
  )
  const config = `name: "${name}"
backend: "python"
max_batch_size: 0
input [
  { name: "input_ids", data_type: TYPE_INT32, dims: [ -1, -1 ] },
  { name: "lengths", data_type: TYPE_INT32, dims: [ -1 ] }
]
output [ { name: "embedding", data_type: TYPE_FP32, dims: [ -1, ${dimension} ] } ]
instance_group [ { kind: KIND_CPU, count: ${instances} } ]
${parameters.join('\n')}
`
  writeFileSync(join(folder, name, 'config.pbtxt'), config)
}

/** The backend that a run uses, on these servers. */
export async function openBackend(
  servers: readonly TritonServer[],
  dimension: number,
): Promise<TritonBackend> {
  const contract = { dimension, source: '' }
  return await TritonBackend.open({
    endpoints: servers.map(({ grpcUrl }) => grpcUrl),
    access: {},
    models: { esm2: contract, dnabert_s: contract },
    serverTimeout: 60,
    logger: { debug() {}, info: console.error, warn: console.error, error: console.error },
  })
}

/**
 * Has `count` batches done, as many on their way as the backend wants, as the pipeline does.
 * @returns seconds from the first request to the last answer
 */
export async function drive(
  backend: TritonBackend,
  count: number,
  onAnswer?: (mark: number) => void,
): Promise<number> {
  const start = performance.now()
  let left = count
  await Promise.all(
    Array.from({ length: backend.concurrency }, async () => {
      while (left > 0) {
        left--
        const mark = (await backend.embed('esm2', BATCH))[0]
        if (mark === undefined) throw new Error('the answer holds no embeddings')
        onAnswer?.(mark)
      }
    }),
  )
  return (performance.now() - start) / 1000
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
