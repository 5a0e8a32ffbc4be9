import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TritonClient } from 'tritonclient-ts'
import { hasTriton, startTriton, type TritonServer } from '../../scripts/support/triton.ts'
import type { TokenBatch } from '../../src/batching/index.ts'
import { TritonBackend } from '../../src/dispatch/index.ts'

export interface Sleeping {
  /** What ESM-2 takes for a request, in milliseconds. */
  sleepMs?: number
  /** Instead, what it takes by the shape of the batch: `curveText` of bench/scaling/curve.ts. */
  curve?: string
  instances: number
  /** Every number of an answer, which tells the server that gave it. @default 0 */
  mark?: number
  /** Width of the embedding. */
  dimension: number
  /** Takes in requests while one is at work, as plans do in this backend, and wants a third on its way. @default false */
  overlap?: boolean
  /** File to which the server adds a line for each request done; see `readLog`. */
  log?: string
}

const OVERLAP = join(import.meta.dir, '../../model_repository/python/overlap.py')

/** One request as an instance has seen it; times are milliseconds since 1970. */
export interface ServedRequest {
  readonly begin: number
  readonly end: number
  readonly rows: number
  readonly length: number
  /** How long it was to take. */
  readonly plannedMs: number
  readonly instance: string
}

export function readLog(path: string): ServedRequest[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => {
    const [begin = 0, end = 0, rows = 0, length = 0, plannedMs = 0] = line.split(' ').map(Number)
    return { begin, end, rows, length, plannedMs, instance: line.split(' ').at(-1)! }
  })
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
  writeSleeping(folder, options)
  return await startTriton({ repository: folder })
}

/** The model repository of such a server. */
export function writeSleeping(folder: string, options: Sleeping): void {
  writeModel(folder, 'esm2', options)
  writeModel(folder, 'dnabert_s', { ...options, instances: 1, log: '' })
}

function writeModel(
  folder: string,
  name: string,
  { sleepMs = 0, curve = '', instances, mark = 0, dimension, overlap = false, log = '' }: Sleeping,
): void {
  mkdirSync(join(folder, name, '1'), { recursive: true })
  copyFileSync(join(import.meta.dir, 'sleeping_model.py'), join(folder, name, '1', 'model.py'))
  if (overlap) copyFileSync(OVERLAP, join(folder, name, '1', 'overlap.py'))
  const own = {
    sleep_ms: sleepMs,
    curve,
    dimension,
    mark,
    log,
    ...(overlap && { overlap: 'yes', in_flight: 3 }),
  }
  const parameters = Object.entries(own).map(
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

/** Milliseconds that all instances of a model have worked since it was loaded, with the copies before and after. */
export async function busyMs(url: string, model: string): Promise<number> {
  using client = new TritonClient({ url })
  const [found] = await client.modelStatistics(model)
  const { computeInput, computeInfer, computeOutput } = found?.inferenceStats ?? {}
  return [computeInput, computeInfer, computeOutput].reduce(
    (sum, part) => sum + Number(part?.ns ?? 0n) / 1e6,
    0,
  )
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
    trustServer: true,
    logger: { debug() {}, info: console.error, warn: console.error, error: console.error },
  })
}

/** Has `count` batches done, as many on their way as the backend wants, as the pipeline does. */
export async function drive(backend: TritonBackend, count: number): Promise<void> {
  let left = count
  await Promise.all(
    Array.from({ length: backend.concurrency }, async () => {
      while (left > 0) {
        left--
        const { length } = await backend.embed('esm2', BATCH)
        if (length === 0) throw new Error('the answer holds no embeddings')
      }
    }),
  )
}
