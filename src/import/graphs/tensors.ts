import { ModelError } from '../../bundle/index.ts'
import { type FloatSource, roundToBfloat16, roundToFloat8 } from '../../onnx/index.ts'

/** Weights of one model by the names its graph uses, as float32 in row-major order. */
export interface Tensors {
  read(name: string): Promise<Float32Array>
}

/** Rows of a transposed matrix that are made at a time: a few, so that memory stays small. */
const PIECE_BYTES = 4 << 20
/** Columns of it that are made together: one cache line of 64 bytes, which is written as a whole. */
const TILE = 16

/** A tensor as it is stored, each element times `scale`. */
export function asStored(tensors: Tensors, name: string, scale = 1): FloatSource {
  return async function* () {
    const values = await tensors.read(name)
    yield scale === 1 ? values : scaled(values, scale)
  }
}

/** A loop: `map` takes ten times as long for each number, of which a model has billions. */
function scaled(values: Float32Array, scale: number): Float32Array {
  const out = new Float32Array(values.length)
  for (let i = 0; i < out.length; i++) out[i] = values[i]! * scale
  return out
}

/**
 * The matrix that MatMul multiplies by on the right: PyTorch keeps a linear layer as [out, in], and ONNX
 * Runtime and TensorRT are fastest with [in, out]. Holds one copy of the tensor and a few rows.
 */
export function transposed(tensors: Tensors, name: string, inputs: number, scale = 1): FloatSource {
  return async function* () {
    const values = await tensors.read(name)
    const outputs = values.length / inputs
    const rows = Math.max(1, Math.floor(PIECE_BYTES / (4 * outputs)))
    const piece = new Float32Array(rows * outputs)
    for (let start = 0; start < inputs; start += rows) {
      const count = Math.min(rows, inputs - start)
      transposeRows(values, { inputs, start, count, scale }, piece)
      yield piece.subarray(0, count * outputs)
    }
  }
}

interface Rows {
  readonly inputs: number
  readonly start: number
  readonly count: number
  readonly scale: number
}

/** Writes rows of the transposed matrix into `piece`. A function of its own: loops inside generators stay slow. */
function transposeRows(values: Float32Array, rows: Rows, piece: Float32Array): void {
  const { inputs, start, count, scale } = rows
  const outputs = values.length / inputs
  for (let left = 0; left < outputs; left += TILE) {
    const right = Math.min(outputs, left + TILE)
    for (let row = 0, to = left; row < count; row++, to += outputs) {
      for (let column = left, from = left * inputs + start + row; column < right; column++, from += inputs)
        piece[to + column - left] = values[from]! * scale
    }
  }
}

/** The elements of a source, each as `change` makes it of its value and its place. */
export function eachElement(source: FloatSource, change: (value: number, at: number) => number): FloatSource {
  return async function* () {
    let start = 0
    for await (const piece of source()) {
      const from = start
      start += piece.length
      const changed = new Float32Array(piece.length)
      for (let i = 0; i < changed.length; i++) changed[i] = change(piece[i]!, from + i)
      yield changed
    }
  }
}

/** The elements of a source as BF16 has them. */
export function asBfloat16(source: FloatSource): FloatSource {
  return async function* () {
    const place = new Place()
    for await (const piece of source()) yield roundToBfloat16(piece, place.of(piece.length))
  }
}

/** The elements of a source as FP8 has them, with this scale. */
export function asFloat8(source: FloatSource, scale: number): FloatSource {
  return async function* () {
    const place = new Place()
    for await (const piece of source()) yield roundToFloat8(piece, scale, place.of(piece.length))
  }
}

/** Memory for one piece after the other: new memory for each takes longer to get than what is written there. */
class Place {
  #values: Float32Array = new Float32Array(0)

  of(length: number): Float32Array {
    if (length > this.#values.length) this.#values = new Float32Array(length)
    return this.#values.subarray(0, length)
  }
}

/** The largest number of FP16. */
export const FP16_END = 65_504

/** The same elements. @throws ModelError, while reading, for one that FP16 does not have */
export function fittingHalf(source: FloatSource, name: string): FloatSource {
  return async function* () {
    for await (const piece of source()) {
      let largest = 0
      for (let i = 0; i < piece.length; i++) {
        const magnitude = Math.abs(piece[i]!)
        if (magnitude > largest) largest = magnitude
      }
      if (largest > FP16_END)
        throw new ModelError(
          `${name} has a number of magnitude ${largest.toLocaleString('en-US')}, and FP16 ends at ` +
            FP16_END.toLocaleString('en-US'),
          { detail: { code: 'beyond-fp16', data: {} } },
        )
      yield piece
    }
  }
}

/** The elements of one source after those of another. */
export function oneAfterAnother(sources: readonly FloatSource[]): FloatSource {
  return async function* () {
    for (const source of sources) yield* source()
  }
}

/**
 * Matrices of [rows, columns] beside each other: [rows, sources * columns]. Row by row, with one piece of each
 * source in memory, so that joining large products costs little.
 */
export function sideBySide(sources: readonly FloatSource[], rows: number, columns: number): FloatSource {
  return async function* () {
    const readers = sources.map((source) => rowsOf(source(), columns))
    for (let row = 0; row < rows; row++) {
      const joined = new Float32Array(sources.length * columns)
      for (const [i, reader] of readers.entries()) {
        const { value, done } = await reader.next()
        if (done) throw new RangeError(`a matrix of ${rows} rows has only ${row}`)
        joined.set(value, i * columns)
      }
      yield joined
    }
  }
}

async function* rowsOf(
  pieces: AsyncIterable<Float32Array> | Iterable<Float32Array>,
  columns: number,
): AsyncGenerator<Float32Array, undefined> {
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += columns) yield piece.subarray(at, at + columns)
  }
}
