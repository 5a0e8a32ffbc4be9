/** Element types of ONNX tensors, by the numbers of the public format (TensorProto.DataType). */
export const DataType = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
  float8e4m3fn: 17,
} as const

export type DataType = (typeof DataType)[keyof typeof DataType]

/** Element types that weights are stored in. */
export type FloatType = typeof DataType.float | typeof DataType.float16 | typeof DataType.bfloat16

/**
 * Element types of weights: floating point, whole numbers that the graph gives a scale, or INT32, which holds four numbers
 * in FP8 for an operator of our own.
 */
export type WeightType = FloatType | typeof DataType.int8 | typeof DataType.int32

const BYTES: Readonly<Record<DataType, number>> = {
  [DataType.float]: 4,
  [DataType.uint8]: 1,
  [DataType.int8]: 1,
  [DataType.int32]: 4,
  [DataType.int64]: 8,
  [DataType.bool]: 1,
  [DataType.float16]: 2,
  [DataType.bfloat16]: 2,
  [DataType.float8e4m3fn]: 1,
}

export function bytesPerElement(dtype: DataType): number {
  return BYTES[dtype]
}

/** How many of a weight's values an element has. */
export function valuesPerElement(dtype: WeightType): number {
  return dtype === DataType.int32 ? 4 : 1
}

/** Number of elements of a tensor of this shape; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/**
 * The bits of a float32 number rounded to bfloat16, to nearest with ties to even, as PyTorch and ONNX Runtime do; the lower half
 * of them has no meaning. NaN stays NaN: the rounding step alone could carry a NaN's mantissa over into infinity.
 */
function roundedBits(bits: number): number {
  return (bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : bits + 0x7fff + ((bits >>> 16) & 1)
}

/** Rounds float32 values to bfloat16. */
export function toBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) out[i] = roundedBits(bits[i]!) >>> 16
  return out
}

/** Little-endian bytes of float32 values stored as `dtype`. The result may share the input's memory. */
export function encodeFloats(values: Float32Array, dtype: FloatType): Uint8Array {
  const typed =
    dtype === DataType.float
      ? values
      : dtype === DataType.bfloat16
        ? toBfloat16(values)
        : Float16Array.from(values)
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)
}

/** E4M3 of every number that BF16 has, by its bits; what is too large becomes the largest. */
let eightsOfBfloat16: Uint8Array | undefined

function allEights(): Uint8Array {
  if (eightsOfBfloat16 !== undefined) return eightsOfBfloat16
  const bits = Uint32Array.from({ length: 1 << 16 }, (_, i) => i << 16)
  eightsOfBfloat16 = Uint8Array.from(
    new Float32Array(bits.buffer),
    (value, i) => eightOf(Math.abs(value)) | ((i >> 8) & 0x80),
  )
  return eightsOfBfloat16
}

/** @param magnitude 0 or more, or NaN */
function eightOf(magnitude: number): number {
  if (Number.isNaN(magnitude)) return 0x7f
  if (magnitude > 448) return 0x7e
  const exponent = Math.max(-6, Math.floor(Math.log2(magnitude)))
  const steps = magnitude / 2 ** (exponent - 3)
  const down = Math.floor(steps)
  const left = steps - down
  const rounded = left > 0.5 || (left === 0.5 && down % 2 === 1) ? down + 1 : down
  // Eight steps to a power of two; numbers below the smallest power have the exponent of that.
  return Math.min(0x7e, (exponent + 6) * 8 + rounded)
}

/** Rounds float32 values to BF16 and then to FP8 E4M3, to nearest with ties to even; what is too large becomes the largest. */
export function toFloat8(values: Float32Array): Uint8Array {
  const eights = allEights()
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Uint8Array(values.length)
  for (let i = 0; i < out.length; i++) out[i] = eights[roundedBits(bits[i]!) >>> 16]!
  return out
}

/** The numbers of E4M3 by their bits. */
const NUMBERS = Float32Array.from({ length: 256 }, (_, bits) => {
  const [exponent, fraction] = [(bits >> 3) & 15, bits & 7]
  if ((bits & 0x7f) === 0x7f) return Number.NaN
  const magnitude = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10)
  return bits < 0x80 ? magnitude : -magnitude
})

/**
 * Rounds values as {@link toFloat8} rounds them in steps of `scale`, a power of two, and widens them again.
 *
 * @param out where they go, of the same length
 */
export function roundToFloat8(
  values: Float32Array,
  scale: number,
  out: Float32Array = new Float32Array(values.length),
): Float32Array {
  const eights = allEights()
  const numbers = NUMBERS.map((value) => value * scale)
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length)
  // As a factor: division takes longer, and by a power of two both give the same.
  const factor = 1 / scale
  for (let i = 0; i < out.length; i++) out[i] = values[i]! * factor
  for (let i = 0; i < out.length; i++) out[i] = numbers[eights[roundedBits(bits[i]!) >>> 16]!]!
  return out
}

/** Little-endian bytes of a weight's values; those of INT8 are whole numbers already. See {@link encodeFloats}. */
export function encodeWeight(values: Float32Array, dtype: WeightType): Uint8Array {
  if (dtype === DataType.int32) return toFloat8(values)
  return dtype === DataType.int8 ? new Uint8Array(Int8Array.from(values).buffer) : encodeFloats(values, dtype)
}

/**
 * Rounds float32 values to bfloat16 and widens them again.
 *
 * @param out where they go, of the same length
 */
export function roundToBfloat16(
  values: Float32Array,
  out: Float32Array = new Float32Array(values.length),
): Float32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const rounded = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < bits.length; i++) rounded[i] = roundedBits(bits[i]!) & 0xffff0000
  return out
}

/** Rounds float32 values to IEEE half precision and widens them again. */
export function roundToHalf(values: Float32Array): Float32Array {
  return new Float32Array(new Float16Array(values))
}
