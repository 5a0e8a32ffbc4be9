import {
  Classifier,
  countEqualCalls,
  type Embeddings,
  FEATURE_ORDER,
  forModels,
  MODEL_NAMES,
  ModelError,
  type ModelName,
} from '../../bundle/index.ts'
import { encodeInline } from '../../onnx/index.ts'
import type { OpenedModel } from '../open.ts'
import { type CalibrationContext, type OpenedModels, PRODUCER } from './calibration.ts'

/** How near embeddings are to those of the FP32 model. */
export interface Distance {
  readonly cosineMin: number
  readonly cosineMean: number
  /** Norm of the difference divided by the norm of the reference, of the worst sequence. */
  readonly relativeErrorMax: number
}

/** Embeddings of the same frames by the FP32 model and by a rounded one, row-major [frames, width]. */
export interface Rounded {
  readonly exact: Float32Array
  readonly rounded: Float32Array
}

/**
 * Measures, and reports, what a precision costs all models: frames that were not calibrated with.
 *
 * @param what the embeddings were computed in, as messages say it
 * @param frames what they are embeddings of
 */
export async function measureAll(
  found: Readonly<Record<ModelName, Rounded>>,
  sequences: number,
  what: string,
  { mlp }: OpenedModels,
  { onProgress }: CalibrationContext,
  frames = 'other frames',
) {
  const set = (kind: keyof Rounded) => forModels((name) => found[name][kind])
  const equalCalls = await countCalls(sequences, [set('exact'), set('rounded')], mlp)
  const distances = forModels((name) => measure(found[name], sequences))
  for (const name of MODEL_NAMES) {
    const distance = describeDistance(distances[name])
    onProgress?.(`${name}: ${what} against FP32 on ${sequences} ${frames}: ${distance}`)
  }
  onProgress?.(`${equalCalls} of ${sequences} calls agree`)
  return { sequences, ...distances, equalCalls }
}

export function measure({ rounded, exact }: Rounded, sequences: number): Distance {
  const { sequences: _, ...distance } = compareEmbeddings(rounded, exact, exact.length / sequences)
  return distance
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
): Distance & { readonly sequences: number } {
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

/** How many of `rows` frames the classifier calls the same from either set of embeddings. */
export async function countCalls(
  rows: number,
  sets: readonly [Embeddings, Embeddings],
  mlp: OpenedModel,
): Promise<number> {
  const graph = await encodeInline(mlp.graph(), { producer: PRODUCER })
  const width = FEATURE_ORDER.reduce((sum, name) => sum + sets[0][name].length / rows, 0)
  await using classifier = await Classifier.open({ graph, width })
  return await countEqualCalls(classifier, rows, sets)
}

/** @param where in which part of the model @throws ModelError naming it */
export function checkFinite(values: Iterable<number>, where: string, model: string): void {
  for (const value of values) {
    if (Number.isFinite(value)) continue
    throw new ModelError(
      `${model} gives NaN or infinity in ${where}: the weights are damaged, or of no ${model}. Download them again.`,
    )
  }
}
