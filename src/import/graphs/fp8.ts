import type { GraphPrecision } from '../../bundle/index.ts'
import { DataType, type GraphBuilder, type Value } from '../../onnx/index.ts'
import { floatType } from './common.ts'

/** Largest finite number of the format E4M3 (Micikevicius et al. 2022, arXiv:2209.05433). */
const LARGEST = 448

/** Below it BF16 and FP32 have fewer digits. */
const SMALLEST_EXPONENT = -120

/**
 * The step by which numbers up to `largest` are divided to fit E4M3: the power of two above largest / 448. Dividing by
 * it rounds nothing, in any precision, and E4M3 is a floating-point format: its numbers are as precise
 * relative to themselves at every scale down to 1/28,672 of the largest, so that nothing is won by a tighter one.
 */
export function fp8Scale(largest: number): number {
  return largest > 0 ? 2 ** Math.max(SMALLEST_EXPONENT, Math.ceil(Math.log2(largest / LARGEST))) : 1
}

/**
 * `x` rounded to FP8 E4M3 with one scale for the whole tensor: quantized and dequantized, a pair that TensorRT takes
 * out again around a product, which it then computes in FP8.
 *
 * In a graph in FP32, which only simulates one in BF16, `x` is rounded to BF16 first: the two roundings after each other
 * are not the second alone.
 *
 * @param largest magnitude that must still fit; what is larger than {@link fp8Scale} covers is cut off
 */
export function throughFp8(b: GraphBuilder, x: Value, largest: number, precision: GraphPrecision): Value {
  const scale = b.floats([fp8Scale(largest)], [], floatType(precision))
  const pair = [scale, b.fp8Zero()]
  const rounded = precision === 'fp32' ? throughBf16(b, x) : x
  return b.node('DequantizeLinear', [b.node('QuantizeLinear', [rounded, ...pair]), ...pair])
}

function throughBf16(b: GraphBuilder, x: Value): Value {
  return b.node('Cast', [b.node('Cast', [x], { to: DataType.bfloat16 })], { to: DataType.float })
}
