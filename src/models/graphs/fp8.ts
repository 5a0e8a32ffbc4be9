import type { GraphBuilder, Value } from '../../onnx/index.ts'
import { floatType, type Precision } from './common.ts'

/** Largest finite number of the format E4M3 (Micikevicius et al. 2022, arXiv:2209.05433). */
const LARGEST = 448

/**
 * `x` rounded to FP8 E4M3 with one scale for the whole tensor: quantized and dequantized, a pair that TensorRT takes
 * out again around a product, which it then computes in FP8.
 *
 * @param largest magnitude that must still fit; what is larger is cut off
 */
export function throughFp8(b: GraphBuilder, x: Value, largest: number, precision: Precision): Value {
  const scale = b.floats([largest / LARGEST], [], floatType(precision))
  const pair = [scale, b.fp8Zero()]
  return b.node('DequantizeLinear', [b.node('QuantizeLinear', [x, ...pair]), ...pair])
}
