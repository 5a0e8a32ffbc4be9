import { DataType, type GraphBuilder, roundToHalf, type Value } from '../../onnx/index.ts'
import { fromFloat, type Precision } from './common.ts'

/** cos and sin of every angle, [T,size] each. */
export interface Rotation {
  readonly cos: Value
  readonly sin: Value
}

/**
 * The angles of each layer's rotary embedding, position times frequency. Layers with the same
 * frequencies share one table. Angles are computed in the graph and in FP32, so no input is too long.
 */
export function rotations(
  b: GraphBuilder,
  positions: Value,
  inverseFrequencies: readonly Float32Array[],
  precision: Precision,
): Rotation[] {
  const known = new Map<string, Rotation>()
  const time = b.node('Unsqueeze', [b.node('Cast', [positions], { to: DataType.float }), b.ints([1])])
  return inverseFrequencies.map((frequencies) => {
    const key = frequencies.join()
    const made = known.get(key)
    if (made !== undefined) return made
    const half = b.node('Mul', [time, b.floats(frequencies, [1, frequencies.length])])
    const angles = b.node('Concat', [half, half], { axis: -1 })
    const rotation = {
      cos: fromFloat(b, b.node('Cos', [angles]), precision),
      sin: fromFloat(b, b.node('Sin', [angles]), precision),
    }
    known.set(key, rotation)
    return rotation
  })
}

/**
 * Rotary position embedding (Su et al. 2021, arXiv:2104.09864) with the halves of a head paired:
 * (a, b) becomes (a cos - b sin, b cos + a sin).
 *
 * @param x [B,heads,T,size]
 */
export function rotate(b: GraphBuilder, x: Value, { cos, sin }: Rotation, size: number): Value {
  const part = (from: number, to: number) => b.node('Slice', [x, b.ints([from]), b.ints([to]), b.ints([-1])])
  const turned = b.node('Concat', [b.node('Neg', [part(size / 2, size)]), part(0, size / 2)], { axis: -1 })
  return b.node('Add', [b.node('Mul', [x, cos]), b.node('Mul', [turned, sin])])
}

/**
 * Frequencies for a file that does not hold them: 10000^(-2j/size), rounded to half precision because
 * ESM-2 was trained with them rounded; unrounded ones are off by up to 0.03 rad at position 170.
 */
export function defaultInverseFrequencies(size: number): Float32Array {
  return roundToHalf(Float32Array.from({ length: size / 2 }, (_, j) => 10000 ** ((-2 * j) / size)))
}
