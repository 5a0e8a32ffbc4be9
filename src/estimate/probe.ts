import { type Bundle, eachModel, forModels, MODEL_NAMES, type ModelName } from '../bundle/index.ts'
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
  /** Seconds for the batches of both models, about. @default 2 */
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
/** Rounds of a batch of each model, until they have taken so long together. */
const ROUNDS_SECONDS = 2
const LEAST_ROUNDS = 3
const MOST_ROUNDS = 200
/** A batch is made smaller where it would take longer than this. */
const BATCH_SECONDS = 0.6

/**
 * Runs some batches of each model of a bundle in this process, and says how fast that was. Of a model with many layers the
 * first are run. The models take turns, as in a run: the threads of one that has just computed are in the way of the other's.
 *
 * @throws InferenceError BundleError
 */
export async function probeModels(bundle: Bundle, options: ProbeOptions): Promise<Probed> {
  const { threads, shapes, signal, seconds: least = ROUNDS_SECONDS } = options
  await using opened = new AsyncDisposableStack()
  const probes = await eachModel(async (model) => {
    signal?.throwIfAborted()
    const { layers, graph } = bundle.manifest.models[model]
    const run = layers > MOST_LAYERS ? LAYERS : layers
    const session = await openSession(shortenGraph(await bundle.read(graph), run), { threads })
    opened.defer(() => session.release())
    return { session, share: run / layers, shape: await fitting(session, shapes[model]), seconds: 0 }
  })
  let rounds = 0
  const spent = () => MODEL_NAMES.reduce((sum, model) => sum + probes[model].seconds, 0)
  // The first round is no measurement.
  for (const model of MODEL_NAMES) await timeBatch(probes[model].session, probes[model].shape)
  while (rounds < LEAST_ROUNDS || (spent() < least && rounds < MOST_ROUNDS)) {
    for (const model of MODEL_NAMES) {
      signal?.throwIfAborted()
      const { session, shape } = probes[model]
      probes[model].seconds += await timeBatch(session, shape)
    }
    rounds++
  }
  return {
    tokensPerSecond: forModels((model) => {
      const { shape, share, seconds } = probes[model]
      return (rounds * shape.rows * shape.length * share) / seconds
    }),
    seconds: spent(),
    extrapolated: MODEL_NAMES.some((model) => probes[model].share < 1),
  }
}

/** The shape, with fewer rows where a batch would take long. */
async function fitting(session: InferenceSession, shape: BatchShape): Promise<BatchShape> {
  const one = { ...shape, rows: 1 }
  // The first run also takes the memory.
  const seconds = Math.min(await timeBatch(session, one), await timeBatch(session, one))
  return { ...shape, rows: Math.max(1, Math.min(shape.rows, Math.floor(BATCH_SECONDS / seconds))) }
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
