import { type Bundle, eachModel, type ModelName } from '../bundle/index.ts'
import type { InferenceSession } from '../onnx/index.ts'
import {
  DataType,
  encodeInline,
  GraphBuilder,
  loadRuntime,
  openSession,
  shortenGraph,
} from '../onnx/index.ts'
import type { BatchShape } from './count.ts'
import type { TokensPerSecond } from './speeds.ts'

export interface ProbeOptions {
  readonly threads?: number | undefined
  /** Batches as they will come. */
  readonly shapes: Readonly<Record<ModelName, BatchShape>>
  /** Seconds for the batches of each model, about. @default 1 */
  readonly seconds?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Probed {
  readonly tokensPerSecond: TokensPerSecond
  /** Seconds in which something was computed. */
  readonly seconds: number
  /** Whether only some layers of a model were run, and the time of all follows from theirs. */
  readonly extrapolated: boolean
}

/** Models with more layers are measured by so many of them: loading all of ESM-2 3B takes longer than a probe may. */
const LAYERS = 2
const MOST_LAYERS = 6
/** Rounds of one batch, until they have taken so long together. */
const ROUNDS_SECONDS = 1
const LEAST_ROUNDS = 3
const MOST_ROUNDS = 200
/** A batch is made smaller where it would take longer than this. */
const BATCH_SECONDS = 0.6

/**
 * Runs some batches of each model of a bundle in this process, and says how fast that was. Of a model with many layers the
 * first are run.
 *
 * @throws InferenceError BundleError
 */
export async function probeModels(bundle: Bundle, options: ProbeOptions): Promise<Probed> {
  let seconds = 0
  let extrapolated = false
  const tokensPerSecond = await eachModel(async (model) => {
    options.signal?.throwIfAborted()
    const { layers } = bundle.manifest.models[model]
    const run = layers > MOST_LAYERS ? LAYERS : layers
    extrapolated ||= run < layers
    const graph = shortenGraph(await bundle.read(bundle.manifest.models[model].graph), run)
    const session = await openSession(graph, { threads: options.threads })
    try {
      const found = await timeBatches(session, options.shapes[model], options.seconds ?? ROUNDS_SECONDS)
      seconds += found.seconds
      return (found.tokensPerSecond * run) / layers
    } finally {
      await session.release()
    }
  })
  return { tokensPerSecond, seconds, extrapolated }
}

async function timeBatches(session: InferenceSession, shape: BatchShape, least: number) {
  const one = await timeBatch(session, { ...shape, rows: 1 })
  // The first run also takes the memory.
  const again = Math.min(one, await timeBatch(session, { ...shape, rows: 1 }))
  const rows = Math.max(1, Math.min(shape.rows, Math.floor(BATCH_SECONDS / again)))
  const times: number[] = []
  let seconds = 0
  await timeBatch(session, { ...shape, rows })
  while (times.length < LEAST_ROUNDS || (seconds < least && times.length < MOST_ROUNDS)) {
    const took = await timeBatch(session, { ...shape, rows })
    times.push(took)
    seconds += took
  }
  return { tokensPerSecond: (rows * shape.length * times.length) / seconds, seconds }
}

async function timeBatch(session: InferenceSession, { rows, length }: BatchShape): Promise<number> {
  const { Tensor } = await loadRuntime()
  const ids = Int32Array.from({ length: rows * length }, (_, at) => 4 + (at % 20))
  const start = performance.now()
  await session.run({
    input_ids: new Tensor('int32', ids, [rows, length]),
    lengths: new Tensor('int32', new Int32Array(rows).fill(length), [rows]),
  })
  return (performance.now() - start) / 1000
}

const PRODUCT_ROWS = 256
const PRODUCT_SECONDS = 0.15
/** The products of a model are smaller, and not all that it computes. */
const MODEL_SHARE = 0.7

/**
 * Operations per second of this process in the products of a model as wide as this, by one product in FP32: takes a few tenths of a second.
 */
export async function probeProcessor(width: number, threads: number | undefined): Promise<number> {
  const { Tensor } = await loadRuntime()
  const b = new GraphBuilder('product')
  const x = b.input('x', DataType.float, ['N', width])
  const weight = b.weight('w', DataType.float, [width, width], () => [
    new Float32Array(width * width).fill(0.01),
  ])
  b.output(b.node('MatMul', [x, weight], {}, 'y'), DataType.float, ['N', width])
  const bytes = await encodeInline(b, { producer: { name: 'virnucpro', version: 'probe' } })
  const session = await openSession(bytes, { threads })
  try {
    const input = new Tensor('float32', new Float32Array(PRODUCT_ROWS * width).fill(0.5), [
      PRODUCT_ROWS,
      width,
    ])
    await session.run({ x: input })
    const start = performance.now()
    let rounds = 0
    do {
      await session.run({ x: input })
      rounds++
    } while (performance.now() - start < PRODUCT_SECONDS * 1000)
    return (MODEL_SHARE * rounds * 2 * PRODUCT_ROWS * width * width * 1000) / (performance.now() - start)
  } finally {
    await session.release()
  }
}
