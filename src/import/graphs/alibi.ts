import type { GraphPrecision } from '../../bundle/index.ts'
import { DataType, type GraphBuilder, type Value } from '../../onnx/index.ts'
import { fromFloat } from './common.ts'

/**
 * Slopes of ALiBi (Press et al. 2022, arXiv:2108.12409). For a power of two, the geometric series that
 * starts at 2^(-8/n); otherwise that of the power below, then every other one of the power above.
 */
export function alibiSlopes(heads: number): number[] {
  const powerBelow = 2 ** Math.floor(Math.log2(heads))
  const between = series(2 * powerBelow).filter((_, i) => i % 2 === 0)
  return [...series(powerBelow), ...between.slice(0, heads - powerBelow)]
}

function series(heads: number): number[] {
  return Array.from({ length: heads }, (_, k) => 2 ** ((-8 * (k + 1)) / heads))
}

/**
 * -slope * |i - j| for every head and pair of positions, plus `padding`: [B,heads,T,T]. In both directions,
 * as DNABERT-2 has it. Added up once, so that each layer adds one tensor, the form that TensorRT fuses.
 *
 * @param positions INT32 [T]
 * @param padding [B,1,1,T]
 */
export function alibiBias(
  b: GraphBuilder,
  positions: Value,
  padding: Value,
  heads: number,
  precision: GraphPrecision,
): Value {
  const at = b.node('Cast', [positions], { to: DataType.float })
  const difference = b.node('Sub', [
    b.node('Unsqueeze', [at, b.ints([0])]),
    b.node('Unsqueeze', [at, b.ints([1])]),
  ])
  const slopes = b.floats(
    alibiSlopes(heads).map((slope) => -slope),
    [1, heads, 1, 1],
  )
  const bias = b.node('Mul', [b.node('Abs', [difference]), slopes])
  return b.node('Add', [fromFloat(b, bias, precision), padding])
}
