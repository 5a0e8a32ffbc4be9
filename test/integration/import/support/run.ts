import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { GraphOptions, OpenedModel } from '../../../../src/import/index.ts'
import { writeModel } from '../../../../src/onnx/index.ts'

export { temporaryFolder } from '../../../../scripts/support/temporary.ts'

export type Outputs = Record<string, Float32Array>

/** Opens a graph file as the runtime would. */
export function openGraph(path: string): Promise<InferenceSession> {
  return InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 })
}

/** Writes a graph of a model and opens it. */
export async function openModel(
  model: OpenedModel,
  folder: string,
  options?: GraphOptions,
): Promise<InferenceSession> {
  await writeModel(model.graph(options), { folder, producer: { name: 'test', version: '0' } })
  return await openGraph(join(folder, 'model.onnx'))
}

/** Runs token rows padded to the longest, or to `width`, with `padId` behind them. */
export async function embed(
  session: InferenceSession,
  rows: readonly (readonly number[])[],
  options: { padId?: number; width?: number } = {},
): Promise<Outputs> {
  const width = options.width ?? Math.max(...rows.map((row) => row.length))
  const ids = new Int32Array(rows.length * width).fill(options.padId ?? 1)
  for (const [i, row] of rows.entries()) ids.set(row, i * width)
  return await run(session, {
    input_ids: new Tensor('int32', ids, [rows.length, width]),
    lengths: new Tensor(
      'int32',
      Int32Array.from(rows, (row) => row.length),
      [rows.length],
    ),
  })
}

/** Runs the classifier on rows of `width` numbers. */
export function classify(session: InferenceSession, features: Float32Array, width: number): Promise<Outputs> {
  return run(session, { features: new Tensor('float32', features, [features.length / width, width]) })
}

async function run(session: InferenceSession, feeds: Record<string, Tensor>): Promise<Outputs> {
  const results = await session.run(feeds)
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array]),
  )
}

/** Largest absolute difference; NaN when lengths differ or any value is NaN. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN
  let worst = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!)
    if (!(difference <= worst)) worst = difference
  }
  return worst
}

/** Length of the difference. */
export function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0))
}
