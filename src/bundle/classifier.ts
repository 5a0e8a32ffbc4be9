import type { InferenceSession } from '../onnx/index.ts'
import { FEATURE_ORDER, type ModelName } from './models.ts'

// Loaded when a classifier is: whoever only reads a manifest does without the runtime.
const onnx = () => import('../onnx/index.ts')

/** A classifier's graph and how to run it. */
export interface ClassifierOptions {
  /** Content of the graph, weights and all: `features` [n, width] to `probabilities` [n, 2]. */
  graph: Uint8Array
  /** Values per row: DNABERT-S then ESM-2. */
  width: number
  /** Rows of one call. @default 256 */
  batchSize?: number | undefined
  threads?: number | undefined
}

/**
 * The classifier of frames: Linear, BatchNorm, ReLU, Linear, softmax over `others` and `virus`.
 * Source: the original's MLP, run in float32.
 */
export class Classifier {
  readonly #session: InferenceSession
  readonly #width: number
  readonly #batchSize: number

  private constructor(session: InferenceSession, options: ClassifierOptions) {
    this.#session = session
    this.#width = options.width
    this.#batchSize = options.batchSize ?? 256
  }

  /** Loads the graph into ONNX Runtime. @throws InferenceError when it cannot be run */
  static async open(options: ClassifierOptions): Promise<Classifier> {
    const { openSession } = await onnx()
    return new Classifier(await openSession(options.graph, { threads: options.threads }), options)
  }

  /**
   * @param features - row-major [n, width] float32
   * @returns row-major [n, 2] float32: probability of `others`, of `virus`
   */
  async classify(features: Float32Array): Promise<Float32Array> {
    const { InferenceError, loadRuntime } = await onnx()
    const { Tensor } = await loadRuntime()
    const rows = features.length / this.#width
    const scores = new Float32Array(2 * rows)
    for (let row = 0; row < rows; row += this.#batchSize) {
      const count = Math.min(this.#batchSize, rows - row)
      const input = features.subarray(row * this.#width, (row + count) * this.#width)
      const { probabilities } = await this.#session.run({
        features: new Tensor('float32', input, [count, this.#width]),
      })
      const data = probabilities?.data
      if (!(data instanceof Float32Array) || data.length !== 2 * count) {
        throw new InferenceError('the classifier did not give two scores per frame: import the models again')
      }
      scores.set(data, 2 * row)
    }
    return scores
  }

  /** Frees the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release()
  }
}

/** Embeddings of the same sequences by each model: row-major [rows, width]. */
export type Embeddings = Readonly<Record<ModelName, Float32Array>>

/** How many of `rows` sequences are called the same from either set of embeddings. */
export async function countEqualCalls(
  classifier: Classifier,
  rows: number,
  sets: readonly [Embeddings, Embeddings],
): Promise<number> {
  const calls = async (embeddings: Embeddings) => {
    const scores = await classifier.classify(featuresOf(embeddings, rows))
    return Array.from({ length: rows }, (_, row) => scores[2 * row + 1]! > scores[2 * row]!)
  }
  const [one, other] = [await calls(sets[0]), await calls(sets[1])]
  return one.filter((call, row) => call === other[row]).length
}

/** Embeddings of all models beside each other. */
export function featuresOf(embeddings: Embeddings, rows: number): Float32Array {
  const width = FEATURE_ORDER.reduce((sum, model) => sum + embeddings[model].length / rows, 0)
  const features = new Float32Array(rows * width)
  let column = 0
  for (const model of FEATURE_ORDER) {
    const own = embeddings[model].length / rows
    for (let row = 0; row < rows; row++)
      features.set(embeddings[model].subarray(row * own, (row + 1) * own), row * width + column)
    column += own
  }
  return features
}
