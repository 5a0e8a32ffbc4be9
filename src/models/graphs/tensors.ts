import type { FloatSource } from '../../onnx/index.ts'

/** Weights of one model by the names its graph uses, as float32 in row-major order. */
export interface Tensors {
  read(name: string): Promise<Float32Array>
}

/** Rows of a transposed matrix that are made at a time: enough to fill cache lines, little memory. */
const PIECE_BYTES = 4 << 20

/** A tensor as it is stored, each element times `scale`. */
export function asStored(tensors: Tensors, name: string, scale = 1): FloatSource {
  return async function* () {
    const values = await tensors.read(name)
    yield scale === 1 ? values : values.map((value) => value * scale)
  }
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
    for (let start = 0; start < inputs; start += rows) {
      const end = Math.min(inputs, start + rows)
      const piece = new Float32Array((end - start) * outputs)
      for (let column = 0; column < outputs; column++) {
        const row = column * inputs
        for (let k = start, to = column; k < end; k++, to += outputs) piece[to] = values[row + k]! * scale
      }
      yield piece
    }
  }
}
