import type { GraphPrecision } from '../../bundle/index.ts'
import { TABLE_POSITIONS } from '../../bundle/index.ts'
import { DataType, type GraphBuilder, roundToHalf, type Value } from '../../onnx/index.ts'
import { floatType, fromFloat } from './common.ts'
import type { GraphForm } from './form.ts'

/** cos and sin of every angle: [T,size] each, half of it for ONNX Runtime's operator, or [T,1,size] for the form that rotates in tokens. */
export interface Rotation {
  readonly cos: Value
  readonly sin: Value
}

/**
 * The angles of each layer's rotary embedding, position times frequency. Layers with the same
 * frequencies share one table. Angles are FP32 until their cos and sin are taken; computed in the graph, no input
 * is too long for them.
 *
 * @param positions INT32 [T]
 */
export function rotations(
  b: GraphBuilder,
  positions: Value,
  inverseFrequencies: readonly Float32Array[],
  { precision, form }: { precision: GraphPrecision; form: GraphForm },
): Rotation[] {
  const waves = form.angles === 'table' ? fromTable : computed
  const time = form.angles === 'table' ? positions : asColumn(b, positions)
  return onceForEach(inverseFrequencies, (frequencies) => {
    const { cos, sin } = waves(b, time, frequencies, form, precision)
    const perHead = (x: Value) => (form.rotateIn === 'tokens' ? b.node('Unsqueeze', [x, b.ints([1])]) : x)
    return { cos: perHead(cos), sin: perHead(sin) }
  })
}

/** What `make` makes of each layer's frequencies, made once for layers with the same. */
export function onceForEach<Made>(
  inverseFrequencies: readonly Float32Array[],
  make: (frequencies: Float32Array) => Made,
): Made[] {
  const known = new Map<string, Made>()
  return inverseFrequencies.map((frequencies) => {
    const key = frequencies.join()
    const made = known.get(key) ?? make(frequencies)
    known.set(key, made)
    return made
  })
}

/** @param positions FP32 [T,1], or INT32 [T] for a table */
type Waves = (
  b: GraphBuilder,
  positions: Value,
  frequencies: Float32Array,
  form: GraphForm,
  precision: GraphPrecision,
) => Rotation

/** INT32 [T] to FP32 [T,1] */
function asColumn(b: GraphBuilder, positions: Value): Value {
  return b.node('Unsqueeze', [b.node('Cast', [positions], { to: DataType.float }), b.ints([1])])
}

const computed: Waves = (b, time, frequencies, form, precision) => {
  const half = b.node('Mul', [time, b.floats(frequencies, [1, frequencies.length])])
  const angles = form.rotation === 'runtime' ? half : b.node('Concat', [half, half], { axis: -1 })
  return {
    cos: fromFloat(b, b.node('Cos', [angles]), precision),
    sin: fromFloat(b, b.node('Sin', [angles]), precision),
  }
}

const fromTable: Waves = (b, positions, frequencies, _, precision) => {
  const size = 2 * frequencies.length
  const table = (wave: (angle: number) => number) => {
    const values = new Float32Array(TABLE_POSITIONS * size)
    for (let i = 0; i < values.length; i++) {
      values[i] = wave(Math.fround(Math.floor(i / size) * frequencies[i % frequencies.length]!))
    }
    return b.node('Gather', [b.floats(values, [TABLE_POSITIONS, size], floatType(precision)), positions])
  }
  return { cos: table(Math.cos), sin: table(Math.sin) }
}

/**
 * Rotary position embedding (Su et al. 2021, arXiv:2104.09864) with the halves of a head paired:
 * (a, b) becomes (a cos - b sin, b cos + a sin).
 *
 * @param x [B,heads,T,size] or [B,T,heads,size]
 */
export function rotate(
  b: GraphBuilder,
  x: Value,
  { cos, sin }: Rotation,
  size: number,
  form: GraphForm['rotation'],
): Value {
  if (form === 'runtime') {
    return b.node('com.microsoft:RotaryEmbedding', [x, b.ints([0]), cos, sin], { interleaved: 0 })
  }
  const part = (from: number, to: number) => b.node('Slice', [x, b.ints([from]), b.ints([to]), b.ints([-1])])
  const second = b.node('Neg', [part(size / 2, size)])
  const turned = b.node('Concat', [second, part(0, size / 2)], { axis: -1 })
  return b.node('Add', [b.node('Mul', [x, cos]), b.node('Mul', [turned, sin])])
}

/**
 * Frequencies for a file that does not hold them: 10000^(-2j/size), rounded to half precision because
 * ESM-2 was trained with them rounded; unrounded ones are off by up to 0.03 rad at position 170.
 */
export function defaultInverseFrequencies(size: number): Float32Array {
  return roundToHalf(Float32Array.from({ length: size / 2 }, (_, j) => 10000 ** ((-2 * j) / size)))
}
