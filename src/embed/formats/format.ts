import type { ModelName } from '../../bundle/index.ts'
import type { ByteSink } from '../../system/atomic.ts'
import type { Column } from '../units.ts'

/** Some rows of the output, in parallel lists. */
export interface Rows {
  readonly ids: readonly string[]
  readonly columns: Readonly<Record<string, readonly (string | number)[]>>
  /** Row-major [rows, width], by model: those that were asked for. */
  readonly vectors: ReadonlyMap<ModelName, Float32Array>
}

/** Everything that goes into a file of embeddings. */
export interface Content {
  /** Number of rows. */
  readonly rows: number
  /** In the order of their columns. */
  readonly models: readonly ModelName[]
  /** Numbers in an embedding. */
  readonly widths: Readonly<Record<ModelName, number>>
  readonly columns: readonly Column[]
  /** What made the file, as texts by name. */
  readonly metadata: Readonly<Record<string, string>>
  /** All rows in order, some thousand at a time, with the embeddings of these models. */
  read(models: readonly ModelName[]): AsyncIterable<Rows>
}

/** Writes a file of embeddings, holding some thousand rows. */
export type Write = (sink: ByteSink, content: Content) => Promise<void>

/** The bytes of numbers, as every format has them: this program runs on little-endian machines. */
export function bytesOf(numbers: Float32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}
