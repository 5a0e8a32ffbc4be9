import type { InferenceSession } from '../onnx/index.ts'

// Loaded when a classifier is: whoever only reads a manifest does without the runtime.
const onnx = () => import('../onnx/index.ts')

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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release()
  }
}
