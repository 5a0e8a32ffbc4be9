import { lstat } from 'node:fs/promises'
import { padBatch } from '../batching/index.ts'
import {
  type Bundle,
  eachModel,
  forModels,
  graphFiles,
  MODEL_NAMES,
  type ModelName,
} from '../bundle/index.ts'
import { OnnxRuntimeBackend } from '../dispatch/index.ts'
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

/** Models with more layers are measured by some of them: loading all of ESM-2 3B takes longer than a probe may. */
const MOST_LAYERS = 6
/** With so many as well, to tell what each layer takes from what each batch takes besides. */
const FEW_LAYERS = 2
/** Batches of each model, until they have taken so long together. */
const ROUNDS_SECONDS = 2
const LEAST_ROUNDS = 3
const MOST_ROUNDS = 200
/** A batch is made smaller where it would take longer than this. */
const BATCH_SECONDS = 0.6

/**
 * Runs some batches of each model of a bundle in this process, and says how fast that was. Of a model with many layers some
 * are run, and the others taken to be like them. The models take turns, as in a run: the threads of one that has just computed are in the way
 * of the other's.
 *
 * @throws InferenceError BundleError
 */
export async function probeModels(bundle: Bundle, options: ProbeOptions): Promise<Probed> {
  const { models } = bundle.manifest
  const extrapolated = MODEL_NAMES.some((model) => models[model].layers > MOST_LAYERS)
  const deep = await timeLayers(bundle, MOST_LAYERS, options)
  const shallow = extrapolated
    ? await timeLayers(bundle, FEW_LAYERS, { ...options, shapes: deep.shapes })
    : undefined
  return {
    tokensPerSecond: forModels((model) => {
      const { rows, length } = deep.shapes[model]
      const batch = deep.seconds[model]
      const left = Math.max(0, models[model].layers - MOST_LAYERS)
      const difference = shallow === undefined ? 0 : Math.max(0, batch - shallow.seconds[model])
      return (rows * length) / (batch + (left * difference) / (MOST_LAYERS - FEW_LAYERS))
    }),
    seconds: deep.spent + (shallow?.spent ?? 0),
    extrapolated,
  }
}

interface Timed {
  /** Of the batches that were run, which may have fewer rows than asked for. */
  readonly shapes: Record<ModelName, BatchShape>
  /** Of one batch. */
  readonly seconds: Record<ModelName, number>
  /** Of all. */
  readonly spent: number
}

async function timeLayers(
  bundle: Bundle,
  layers: number,
  { threads, shapes: asked, signal, seconds: least = ROUNDS_SECONDS }: ProbeOptions,
): Promise<Timed> {
  const models = await eachModel(async (model) => {
    const { graph, dimension, layers: all } = bundle.manifest.models[model]
    return { graph: shortenGraph(await bundle.read(graph), Math.min(layers, all)), dimension }
  })
  await using backend = await OnnxRuntimeBackend.open({ models, threads, unchanged: () => look(bundle) })
  const shapes = await eachModel((model) => fitting(backend, model, asked[model]))
  const seconds = forModels(() => 0)
  const spent = () => MODEL_NAMES.reduce((sum, model) => sum + seconds[model], 0)
  // The first round is no measurement.
  for (const model of MODEL_NAMES) await timeBatch(backend, model, shapes[model])
  let rounds = 0
  for (; rounds < LEAST_ROUNDS || (spent() < least && rounds < MOST_ROUNDS); rounds++) {
    for (const model of MODEL_NAMES) {
      signal?.throwIfAborted()
      seconds[model] += await timeBatch(backend, model, shapes[model])
    }
  }
  return { shapes, seconds: forModels((model) => seconds[model] / rounds), spent: spent() }
}

/** What a run does after each batch: its threads rest meanwhile. */
async function look(bundle: Bundle): Promise<void> {
  for (const file of graphFiles(bundle.manifest)) await lstat(bundle.pathOf(file), { bigint: true })
}

/** The shape, with fewer rows where a batch would take long. */
async function fitting(
  backend: OnnxRuntimeBackend,
  model: ModelName,
  shape: BatchShape,
): Promise<BatchShape> {
  const one = { ...shape, rows: 1 }
  // The first run also takes the memory.
  const seconds = Math.min(await timeBatch(backend, model, one), await timeBatch(backend, model, one))
  return { ...shape, rows: Math.max(1, Math.min(shape.rows, Math.floor(BATCH_SECONDS / seconds))) }
}

async function timeBatch(
  backend: OnnxRuntimeBackend,
  model: ModelName,
  { rows, length }: BatchShape,
): Promise<number> {
  const row = Int32Array.from({ length }, (_, at) => 4 + (at % 20))
  const start = performance.now()
  await backend.embed(model, padBatch(Array<Int32Array>(rows).fill(row), 1))
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
  const weight = b.weight('w', DataType.float, [width, width], () => [noise(width * width)])
  b.output(b.node('MatMul', [x, weight], {}, 'y'), DataType.float, ['N', width])
  const bytes = await encodeInline(b, { producer: { name: 'virnucpro', version: 'probe' } })
  const session = await openSession(bytes, { threads })
  try {
    const input = new Tensor('float32', noise(PRODUCT_ROWS * width), [PRODUCT_ROWS, width])
    await session.run({ x: input })
    // The fastest of all: what else the machine does shows in such short times.
    let fastest = Number.POSITIVE_INFINITY
    for (const begun = performance.now(); performance.now() - begun < PRODUCT_SECONDS * 1000; ) {
      const start = performance.now()
      await session.run({ x: input })
      fastest = Math.min(fastest, (performance.now() - start) / 1000)
    }
    return (MODEL_SHARE * 2 * PRODUCT_ROWS * width * width) / fastest
  } finally {
    await session.release()
  }
}

/** Products of equal numbers take a processor less power, and it is faster then. */
function noise(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, at) => Math.sin(at * at))
}
