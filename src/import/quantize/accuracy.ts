import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Classifier } from '../../bundle/index.ts'
import { encodeInline, InferenceError, loadRuntime, openSession, writeModel } from '../../onnx/index.ts'
import type { OpenFrame } from '../../sequence/index.ts'
import { DnaTokenizer } from '../../tokenizers/index.ts'
import type { GraphOptions } from '../graphs/common.ts'
import { type LoadedModel, loadDnabert } from '../load.ts'
import type { CalibrationContext } from './context.ts'
import type { Outputs } from './states.ts'

/** How near a bundle's embeddings of ESM-2 are to those of the FP32 model. */
export interface Accuracy {
  /** Open reading frames that it was measured on, none of which was calibrated with. */
  readonly sequences: number
  readonly cosineMin: number
  readonly cosineMean: number
  /** Norm of the difference divided by the norm of the reference, of the worst sequence. */
  readonly relativeErrorMax: number
  /** Sequences that the classifier calls the same from both, with the same embedding of DNABERT-S beside it. */
  readonly equalCalls: number
}

export type Distance = Pick<Accuracy, 'cosineMin' | 'cosineMean' | 'relativeErrorMax'>

/** Embeddings of both models against those in FP32, of frames that were not calibrated with. */
export interface BothAccuracy {
  readonly sequences: number
  readonly esm2: Distance
  readonly dnabert_s: Distance
  /** Sequences that the classifier calls the same from both. */
  readonly equalCalls: number
}

/** Embeddings of the same frames by the FP32 model and by a rounded one, row-major [frames, width]. */
export interface Rounded {
  readonly exact: Float32Array
  readonly rounded: Float32Array
}

/**
 * Measures, and says, what a precision costs.
 *
 * @param what the embeddings were computed in, as messages say it
 * @param frames what they are embeddings of
 */
export async function measureBoth(
  { esm2, dnabert_s }: { esm2: Rounded; dnabert_s: Rounded },
  sequences: number,
  what: string,
  context: CalibrationContext & { readonly mlp: LoadedModel<unknown> },
  frames = 'other frames',
): Promise<BothAccuracy> {
  const pair = (kind: keyof Rounded) => ({ esm2: esm2[kind], dnabert: dnabert_s[kind] })
  const equalCalls = await countEqualCalls(sequences, [pair('exact'), pair('rounded')], context.mlp)
  const found = { esm2: measure(esm2, sequences), dnabert_s: measure(dnabert_s, sequences) }
  for (const [model, distance] of Object.entries(found))
    context.onProgress?.(describe(model, what, `${sequences} ${frames}`, distance))
  context.onProgress?.(`${equalCalls} of ${sequences} calls agree`)
  return { sequences, ...found, equalCalls }
}

export function measure({ rounded, exact }: Rounded, sequences: number): Distance {
  const { sequences: _, ...distance } = compareEmbeddings(rounded, exact, exact.length / sequences)
  return distance
}

/** In words, for people. */
export function describe(model: string, what: string, frames: string, distance: Distance): string {
  return `${model}: ${what} against FP32 on ${frames}: ${describeDistance(distance)}`
}

export function describeDistance({ cosineMin, cosineMean, relativeErrorMax }: Distance): string {
  return (
    `cosine min ${cosineMin.toFixed(6)}, mean ${cosineMean.toFixed(6)}, ` +
    `largest relative error ${(100 * relativeErrorMax).toFixed(1)} %`
  )
}

/** Compares row by row. @param ours row-major [rows, width], as is `reference` */
export function compareEmbeddings(
  ours: Float32Array,
  reference: Float32Array,
  width: number,
): Omit<Accuracy, 'equalCalls'> {
  const rows = reference.length / width
  let [cosineMin, cosineSum, relativeErrorMax] = [1, 0, 0]
  for (let row = 0; row < rows; row++) {
    let [product, own, other, difference] = [0, 0, 0, 0]
    for (let i = row * width; i < (row + 1) * width; i++) {
      const [a, b] = [ours[i]!, reference[i]!]
      product += a * b
      own += a * a
      other += b * b
      difference += (a - b) ** 2
    }
    const cosine = product / Math.sqrt(own * other)
    cosineMin = Math.min(cosineMin, cosine)
    cosineSum += cosine
    relativeErrorMax = Math.max(relativeErrorMax, Math.sqrt(difference / other))
  }
  return { sequences: rows, cosineMin, cosineMean: cosineSum / rows, relativeErrorMax }
}

/** Embeddings of the same frames by both models: row-major [frames, width]. */
export interface EmbeddingPair {
  readonly dnabert: Float32Array
  readonly esm2: Float32Array
}

/**
 * How many frames the classifier calls the same from either set of embeddings.
 *
 * @param folder for the classifier while it runs
 */
export async function countEqualCalls(
  rows: number,
  embeddings: readonly [EmbeddingPair, EmbeddingPair],
  mlp: LoadedModel<unknown>,
): Promise<number> {
  const graph = await encodeInline(mlp.graph, { producer: { name: 'virnucpro', version: 'calibration' } })
  const own = embeddings[0].dnabert.length / rows
  const other = embeddings[0].esm2.length / rows
  const width = own + other
  const calls: boolean[][] = []
  {
    await using classifier = await Classifier.open({ graph, width })
    for (const { dnabert, esm2 } of embeddings) {
      const features = new Float32Array(rows * width)
      for (let row = 0; row < rows; row++) {
        features.set(dnabert.subarray(row * own, (row + 1) * own), row * width)
        features.set(esm2.subarray(row * other, (row + 1) * other), row * width + own)
      }
      const scores = await classifier.classify(features)
      calls.push(Array.from({ length: rows }, (_, row) => scores[2 * row + 1]! > scores[2 * row]!))
    }
  }
  return calls[0]!.filter((call, row) => call === calls[1]![row]).length
}

/**
 * Embeddings of the frames' bases by DNABERT-S as a whole, half a gigabyte; each frame alone: row-major [frames, width].
 *
 * @param path of DNABERT-S
 * @param options of its graph
 * @param onOutputs gets all outputs of each frame
 */
export async function embedDna(
  frames: readonly OpenFrame[],
  path: string,
  options: GraphOptions,
  context: CalibrationContext,
  onOutputs?: (outputs: Outputs) => void,
): Promise<Float32Array> {
  await using model = await loadDnabert(path, options)
  const folder = join(context.folder, 'dnabert')
  const tokenizer = DnaTokenizer.fromJson(Buffer.from(model.tokenizer).toString('utf8'), 'tokenizer.json')
  const { Tensor } = await loadRuntime()
  const { width } = model.shape
  await mkdir(folder)
  await writeModel(model.graph, { folder, producer: { name: 'virnucpro', version: 'calibration' } })
  const session = await openSession(join(folder, 'model.onnx'))
  try {
    const all = new Float32Array(frames.length * width)
    for (const [row, { nucleotide }] of frames.entries()) {
      context.signal?.throwIfAborted()
      const ids = tokenizer.encode(nucleotide)
      const results = await session.run({
        input_ids: new Tensor('int32', ids, [1, ids.length]),
        lengths: new Tensor('int32', Int32Array.of(ids.length), [1]),
      })
      const { embedding } = results
      if (!(embedding?.data instanceof Float32Array)) throw new InferenceError('dnabert_s gave no embedding')
      all.set(embedding.data, row * width)
      onOutputs?.(
        Object.fromEntries(Object.entries(results).map(([k, { data }]) => [k, data as Float32Array])),
      )
    }
    return all
  } finally {
    await session.release()
    await rm(folder, { recursive: true, force: true })
  }
}
