import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GRAPH_TENSORS } from '../../bundle/index.ts'
import {
  type GraphBuilder,
  InferenceError,
  type InferenceSession,
  loadRuntime,
  openSession,
  roundToBfloat16,
  roundToHalf,
  writeTemporary,
} from '../../onnx/index.ts'
import type { OpenFrame } from '../../sequence/index.ts'
import type { GraphOptions } from '../graphs/common.ts'
import type { LanguageModel } from '../open.ts'
import type { Rounded } from './accuracy.ts'
import { type CalibrationContext, PRODUCER } from './calibration.ts'

/** Tokens of one call: larger batches no longer fit the caches of a CPU. */
const BATCH_TOKENS = 2048

/** Seconds between two messages. */
const MESSAGE_SECONDS = 5

export type Frames = readonly OpenFrame[]

/** Outputs of a graph by name. */
export type Outputs = Readonly<Record<string, Float32Array>>

/** @param tokens of the batch that they are outputs for */
type Observe = (outputs: Outputs, tokens: number) => void

/** How frames are followed through a model, exactly and rounded. */
export interface Following {
  /** Frames for the exact model in groups, which are not batched together. The first group is observed. */
  readonly groups: readonly Frames[]
  /** Of the exact graphs. */
  readonly exact?: GraphOptions
  /** Is given the outputs of the exact graphs for the first group. */
  readonly observe?: Observe
  /** Called when the first group has passed a layer, and at the end. @param where in the model, as errors say it */
  readonly check?: (where: string | undefined) => void
  /** A second look at the same numbers: another graph of the layer with the same weights. */
  readonly again?: { readonly options: () => GraphOptions; readonly observe: Observe }
  /** Of the rounded graphs, which get all frames; a function where it depends on what was observed. */
  readonly rounded: GraphOptions | (() => GraphOptions)
  /** What is done with a layer, as messages say it. */
  readonly done: string
}

/**
 * Follows frames through a model twice, exactly and rounded, in FP32 on this CPU. A model that may be larger than memory
 * goes layer by layer: one layer of either is in memory at a time, and one of both on disk.
 *
 * @returns embeddings of all groups' frames, one group after the other
 * @throws ModelError InferenceError
 */
export async function follow(
  model: LanguageModel,
  following: Following,
  context: CalibrationContext,
): Promise<Rounded> {
  return await (model.pieces === undefined ? asWhole : byLayer)(model, following, context)
}

async function asWhole(
  model: LanguageModel,
  { groups, exact = {}, observe, check, rounded }: Following,
  context: CalibrationContext,
): Promise<Rounded> {
  const [first = [], ...others] = groups
  const all = groups.flat()
  context.onProgress?.(`${model.name}: computing ${all.length} frames exactly and rounded`)
  const { probe: _, ...unobserved } = exact
  const found = [await embedWhole(model, first, exact, context, observe)]
  check?.(undefined)
  for (const group of others) found.push(await embedWhole(model, group, unobserved, context))
  const embeddings = new Float32Array(all.length * model.shape.width)
  let at = 0
  for (const each of found) {
    embeddings.set(each, at)
    at += each.length
  }
  return { exact: embeddings, rounded: await embedWhole(model, all, optionsOf(rounded), context) }
}

function optionsOf(rounded: Following['rounded']): GraphOptions {
  return typeof rounded === 'function' ? rounded() : rounded
}

/** Embeddings by the whole graph of a model, each frame alone: row-major [frames, width]. */
export async function embedWhole(
  model: LanguageModel,
  frames: Frames,
  options: GraphOptions,
  { folder, signal }: CalibrationContext,
  observe?: Observe,
): Promise<Float32Array> {
  const place = new GraphFolder(join(folder, 'whole'), false)
  const { width } = model.shape
  const { Tensor } = await loadRuntime()
  const all = new Float32Array(frames.length * width)
  await place.run(model.graph(options), WHOLE, async (session) => {
    for (const [row, frame] of frames.entries()) {
      signal?.throwIfAborted()
      const ids = model.encode(frame)
      const outputs = await runSession(session, {
        [GRAPH_TENSORS.ids]: new Tensor('int32', ids, [1, ids.length]),
        [GRAPH_TENSORS.lengths]: new Tensor('int32', Int32Array.of(ids.length), [1]),
      })
      all.set(outputs[GRAPH_TENSORS.embedding]!, row * width)
      observe?.(outputs, ids.length)
    }
  })
  await place.remove()
  return all
}

/** What some sequences of equal length are inside the model: row-major [rows, length, width]. */
interface States {
  /** Rows of the result that they are for. */
  readonly members: readonly number[]
  readonly length: number
  readonly values: Float32Array
}

async function byLayer(
  model: LanguageModel,
  { groups, exact: exactly = {}, observe, check, again, rounded, done }: Following,
  context: CalibrationContext,
): Promise<Rounded> {
  const pieces = model.pieces!
  const { layers, width } = model.shape
  const table = await pieces.table()
  const all = groups.flat()
  let exact = groups.map((frames, i) => startOf(model, frames, table, groups.slice(0, i).flat().length))
  let other = startOf(model, all, asStored(table, optionsOf(rounded)), 0)
  const result = {
    exact: new Float32Array(all.length * width),
    rounded: new Float32Array(all.length * width),
  }
  const report = layerReporter(model, done, context)
  const observed = (group: number) => (group === 0 ? observe : undefined)

  const place = new GraphFolder(join(context.folder, 'layer'), true)
  for (let index = 0; index < layers; index++) {
    context.signal?.throwIfAborted()
    const before = exact
    exact = []
    await place.run(pieces.layer(index, exactly), EXACT, async (session) => {
      for (const [group, states] of before.entries())
        exact.push(await advance(session, states, observed(group)))
    })
    check?.(`layer ${index + 1}`)
    context.signal?.throwIfAborted()
    if (again !== undefined) {
      await place.run(pieces.layer(index, again.options()), AGAIN, async (session) => {
        for (const states of before[0] ?? [])
          again.observe(await runStates(session, states), tokensOf(states))
      })
      context.signal?.throwIfAborted()
    }
    other = await place.run(pieces.layer(index, optionsOf(rounded)), ROUNDED, (session) =>
      advance(session, other),
    )
    await place.remove()
    report(index)
  }
  await place.run(pieces.end(exactly), EXACT, async (session) => {
    for (const [group, states] of exact.entries())
      await finish(session, states, result.exact, observed(group))
  })
  check?.('the last layer')
  await place.run(pieces.end(optionsOf(rounded)), ROUNDED, (session) =>
    finish(session, other, result.rounded),
  )
  await place.remove()
  return result
}

/** What an embedding table is in a graph with these options. */
function asStored(table: Float32Array, { roundWeights, precision }: GraphOptions): Float32Array {
  if (roundWeights) return roundToBfloat16(table)
  return precision === 'fp16' ? roundToHalf(table) : table
}

/**
 * The states of frames before the first layer. Sequences of equal length go together, so that no padding is among the
 * numbers that are measured.
 *
 * @param table row-major [vocabulary, width]
 * @param offset of the frames among all
 */
function startOf(model: LanguageModel, frames: Frames, table: Float32Array, offset: number): States[] {
  const { width } = model.shape
  const sequences = frames.map((frame) => model.encode(frame))
  const byLength = Map.groupBy(sequences.keys(), (i) => sequences[i]!.length)
  return [...byLength]
    .sort(([a], [b]) => a - b)
    .flatMap(([length, alike]) => {
      const rows = Math.max(1, Math.floor(BATCH_TOKENS / length))
      return Array.from({ length: Math.ceil(alike.length / rows) }, (_, i) => {
        const members = alike.slice(i * rows, (i + 1) * rows)
        const ids = members.flatMap((member) => [...sequences[member]!])
        const values = new Float32Array(ids.length * width)
        for (const [at, id] of ids.entries())
          values.set(table.subarray(id * width, (id + 1) * width), at * width)
        return { members: members.map((member) => offset + member), length, values }
      })
    })
}

function tokensOf({ members, length }: States): number {
  return members.length * length
}

/** The states that a layer makes of states, its output `y`. */
async function advance(
  session: InferenceSession,
  states: readonly States[],
  observe?: Observe,
): Promise<States[]> {
  const next: States[] = []
  for (const each of states) {
    const outputs = await runStates(session, each)
    observe?.(outputs, tokensOf(each))
    next.push({ ...each, values: outputs.y! })
  }
  return next
}

/** Writes the embeddings of sequences into their rows of `all`. */
async function finish(
  session: InferenceSession,
  states: readonly States[],
  all: Float32Array,
  observe?: Observe,
): Promise<void> {
  for (const each of states) {
    const outputs = await runStates(session, each)
    observe?.(outputs, tokensOf(each))
    const embeddings = outputs[GRAPH_TENSORS.embedding]!
    const width = embeddings.length / each.members.length
    each.members.forEach((member, row) => {
      all.set(embeddings.subarray(row * width, (row + 1) * width), member * width)
    })
  }
}

async function runStates(session: InferenceSession, { members, length, values }: States): Promise<Outputs> {
  const { Tensor } = await loadRuntime()
  const shape = [members.length, length, values.length / (members.length * length)]
  return await runSession(session, { x: new Tensor('float32', values, shape) })
}

async function runSession(
  session: InferenceSession,
  feeds: Parameters<InferenceSession['run']>[0],
): Promise<Outputs> {
  const results = await session.run(feeds).catch((cause: Error) => {
    throw new InferenceError(`a graph of the calibration failed: ${cause.message}`, { cause })
  })
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, data as Float32Array] as const),
  )
}

/** Files of a graph in a folder. */
type Files = Omit<Parameters<typeof writeTemporary>[1], 'folder' | 'producer'> & { readonly graph: string }

const WHOLE: Files = { graph: 'model.onnx' }
const EXACT: Files = { graph: 'exact.onnx' }
/** With the weights of the exact one, and with those in FP8, which are shared with the rounded one. */
const AGAIN: Files = { graph: 'again.onnx', isWritten: true }
const ROUNDED: Files = { graph: 'rounded.onnx', weights: 'rounded.bin' }

/** A folder of graphs that are soon gone. */
class GraphFolder {
  readonly #path: string
  readonly #fp8: boolean

  constructor(path: string, fp8: boolean) {
    this.#path = path
    this.#fp8 = fp8
  }

  /** Writes a graph and opens it for `body`. */
  async run<T>(
    graph: GraphBuilder,
    files: Files,
    body: (session: InferenceSession) => Promise<T>,
  ): Promise<T> {
    await mkdir(this.#path, { recursive: true })
    await writeTemporary(graph, { folder: this.#path, producer: PRODUCER, ...files })
    const session = await openSession(join(this.#path, files.graph), { fp8: this.#fp8 })
    try {
      return await body(session)
    } finally {
      await session.release()
    }
  }

  remove(): Promise<void> {
    return rm(this.#path, { recursive: true, force: true })
  }
}

/** Reports layers, from 0, that are done: now and then, and the last. */
function layerReporter(
  { name, shape: { layers } }: LanguageModel,
  done: string,
  { onProgress }: CalibrationContext,
): (index: number) => void {
  let last = performance.now()
  return (index) => {
    if (index + 1 < layers && performance.now() - last <= MESSAGE_SECONDS * 1000) return
    last = performance.now()
    onProgress?.(`${name}: ${done} layer ${index + 1} of ${layers}`)
  }
}
