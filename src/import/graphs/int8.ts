import { DataType, type FloatSource, type GraphBuilder, type Value } from '../../onnx/index.ts'

/**
 * Weights are whole numbers from -90 to 90, and what they are multiplied by is one of 0 to 181. The instructions that x86
 * processors without VNNI have for such products add two neighbours to 16 bits, cut off above 32,767: 2 * 90 * 181 is
 * below. Among the ranges that fit these two lose least, for both sides are rounded with the same relative error. Sums
 * are exact, so that every processor gives the same.
 */
const WEIGHT_LARGEST = 90
const INPUT_LARGEST = 181
/** What stands for zero: in the middle, or low where nearly all numbers are above zero. */
const ZERO = { middle: 90, low: 17 }

/** Below it a row is all zeros as far as FP32 goes, and its step must not be 0. */
const SMALLEST_STEP = 1e-30

/** ONNX Runtime's product of whole numbers with the scale of each column in it; its MatMulInteger and two more nodes. */
const PRODUCT = 'com.microsoft:MatMulIntegerToFloat'

/** Numbers rounded to UINT8, with one step for each token. */
export interface Rounded {
  /** UINT8 [.., inputs] */
  readonly values: Value
  /** FP32 [.., 1] */
  readonly step: Value
  /** UINT8 [] */
  readonly zero: Value
}

/**
 * Rounds FP32 `x`, [.., inputs], to eight bits, each token with a step of its own, found as the graph runs: no token has
 * an influence on another, so that an embedding is the same in every batch.
 *
 * @param lowest what no number is below, close to zero; undefined where they are on both sides of it
 */
export function roundTokens(b: GraphBuilder, x: Value, inputs: number, lowest?: number): Rounded {
  const last = b.ints([-1])
  const largest = (of: Value) => b.node('ReduceMax', [of, last], { keepdims: 1 })
  const step = (most: Value, over: number, least: number) =>
    b.node('Max', [b.node('Div', [most, b.floats([over], [])]), b.floats([least], [])])
  const [zero, steps] =
    lowest === undefined
      ? [ZERO.middle, step(largest(b.node('Abs', [x])), ZERO.middle, SMALLEST_STEP)]
      : [ZERO.low, step(largest(x), INPUT_LARGEST - ZERO.low, -lowest / ZERO.low)]
  // Tokens as rows: QuantizeLinear then takes a step for each, and needs no division before it, which would be a pass more.
  const perRow = b.node('Reshape', [steps, b.ints([-1])])
  const zeros = b.node('Expand', [b.byte(zero), b.node('Shape', [perRow])])
  const rows = b.node('Reshape', [x, b.ints([-1, inputs])])
  const values = b.node('QuantizeLinear', [rows, perRow, zeros], { axis: 0 })
  return { values: b.node('Reshape', [values, b.node('Shape', [x])]), step: steps, zero: b.byte(zero) }
}

/** FP32 product of rounded numbers with a matrix [inputs, outputs], which becomes a weight of INT8 with one step per column. */
export function int8Product(
  b: GraphBuilder,
  { values, step, zero }: Rounded,
  weight: { name: string; inputs: number; outputs: number; source: FloatSource },
): Value {
  const { name, inputs, outputs, source } = weight
  const rounded = roundColumns(source, outputs)
  const matrix = b.weight(`${name}.weight`, DataType.int8, [inputs, outputs], rounded.values)
  const steps = b.weight(`${name}.steps`, DataType.float, [outputs], rounded.steps)
  return b.node('Mul', [b.node(PRODUCT, [values, matrix, b.floats([1], []), steps, zero]), step])
}

/** A matrix as whole numbers and the step of each column. Reads the source twice; holds no more of it than a piece. */
export function roundColumns(
  source: FloatSource,
  columns: number,
): { values: FloatSource; steps: FloatSource } {
  let found: Promise<Float32Array> | undefined
  const steps = () => {
    found ??= stepsOf(source, columns)
    return found
  }
  return {
    steps: async function* () {
      yield await steps()
    },
    values: async function* () {
      const inverse = (await steps()).map((step) => 1 / step)
      let column = 0
      for await (const piece of source()) {
        const rounded = new Float32Array(piece.length)
        for (let i = 0; i < piece.length; i++) {
          rounded[i] = Math.round(piece[i]! * inverse[column]!)
          if (++column === columns) column = 0
        }
        yield rounded
      }
    },
  }
}

async function stepsOf(source: FloatSource, columns: number): Promise<Float32Array> {
  const largest = new Float32Array(columns)
  let column = 0
  for await (const piece of source()) {
    for (const value of piece) {
      const size = Math.abs(value)
      if (size > largest[column]!) largest[column] = size
      if (++column === columns) column = 0
    }
  }
  return largest.map((size) => Math.max(size / WEIGHT_LARGEST, SMALLEST_STEP))
}
