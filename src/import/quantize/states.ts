import { ModelError } from '../../bundle/errors.ts'
import { InferenceError, type InferenceSession, loadRuntime } from '../../onnx/index.ts'
import { EsmAlphabet } from '../../tokenizers/index.ts'
import { scaledTable } from '../graphs/esm2.ts'
import type { OpenedEsm2 } from '../load.ts'
import type { CalibrationOrfs } from './orfs.ts'

/** Tokens of one call: larger batches no longer fit the caches of a CPU. */
const BATCH_TOKENS = 2048

/** What some sequences of equal length are inside the model: row-major [rows, length, width]. */
export interface States {
  /** Places of the sequences in the list they come from. */
  readonly members: readonly number[]
  readonly length: number
  readonly values: Float32Array
}

/** Outputs of a graph by name. */
export type Outputs = Readonly<Record<string, Float32Array>>

/**
 * Looks up the embeddings of token ids. Sequences of equal length go together, so that no padding is
 * among the numbers that are measured.
 *
 * @param table row-major [vocabulary, width]
 */
function embedTokens(sequences: readonly Int32Array[], table: Float32Array, width: number): States[] {
  const byLength = Map.groupBy(sequences.keys(), (i) => sequences[i]!.length)
  return [...byLength]
    .sort(([a], [b]) => a - b)
    .flatMap(([length, all]) => {
      const rows = Math.max(1, Math.floor(BATCH_TOKENS / length))
      const batches = Array.from({ length: Math.ceil(all.length / rows) }, (_, i) =>
        all.slice(i * rows, (i + 1) * rows),
      )
      return batches.map((members) => {
        const values = new Float32Array(members.length * length * width)
        members.forEach((member, row) => {
          sequences[member]!.forEach((id, position) => {
            values.set(table.subarray(id * width, (id + 1) * width), (row * length + position) * width)
          })
        })
        return { members, length, values }
      })
    })
}

/**
 * What makes the states of frames before the first layer.
 *
 * @param asStored what the embedding table is stored as
 */
export async function startOf(
  { shape, tensors }: Pick<OpenedEsm2, 'shape' | 'tensors'>,
  asStored = (table: Float32Array) => table,
): Promise<(frames: CalibrationOrfs['heldOut']) => States[]> {
  const alphabet = new EsmAlphabet()
  const table = asStored(await scaledTable(shape, tensors))
  return (frames) =>
    embedTokens(
      frames.map(({ protein }) => alphabet.encode(protein)),
      table,
      shape.width,
    )
}

/** Runs a graph with the input `x` [rows, length, width]. @throws InferenceError */
export async function runStates(
  session: InferenceSession,
  { members, length, values }: States,
): Promise<Outputs> {
  const { Tensor } = await loadRuntime()
  const shape = [members.length, length, values.length / (members.length * length)]
  const results = await session.run({ x: new Tensor('float32', values, shape) }).catch((cause: Error) => {
    throw new InferenceError(`a layer of ESM-2 failed on [${shape}] numbers: ${cause.message}`, { cause })
  })
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, data as Float32Array] as const),
  )
}

/**
 * The states that a layer makes of states, its output `y`.
 *
 * @param onOutputs gets all outputs for each of them
 */
export async function advance(
  session: InferenceSession,
  states: readonly States[],
  onOutputs: (outputs: Outputs) => void = () => {},
): Promise<States[]> {
  const next: States[] = []
  for (const each of states) {
    const outputs = await runStates(session, each)
    onOutputs(outputs)
    next.push({ ...each, values: outputs.y! })
  }
  return next
}

/** @param where in which part of the model @throws ModelError naming it */
export function checkFinite(values: Iterable<number>, where: string, model = 'ESM-2'): void {
  for (const value of values) {
    if (Number.isFinite(value)) continue
    throw new ModelError(
      `${model} gives NaN or infinity in ${where}: the weights are damaged, or of no ${model}. Download them again.`,
    )
  }
}

/**
 * Mean embeddings in the order of the sequences.
 *
 * @param onOutputs gets all outputs for each of the states
 */
export async function meansOf(
  session: InferenceSession,
  states: readonly States[],
  count: number,
  width: number,
  onOutputs: (outputs: Outputs) => void = () => {},
): Promise<Float32Array> {
  const all = new Float32Array(count * width)
  for (const each of states) {
    const outputs = await runStates(session, each)
    onOutputs(outputs)
    each.members.forEach((member, row) => {
      all.set(outputs.embedding!.subarray(row * width, (row + 1) * width), member * width)
    })
  }
  return all
}

/** Embeddings of some frames and of those that follow them. */
export function joinRows(first: Float32Array, second: Float32Array): Float32Array {
  const all = new Float32Array(first.length + second.length)
  all.set(first)
  all.set(second, first.length)
  return all
}
