/**
 * The two 16-bit float formats, converted here because Float16Array is missing from older Node and no JavaScript has
 * bfloat16.
 */

/** Float32 to the bits of bfloat16, to nearest with ties to even; NaN stays NaN. */
export function bfloat16Bits(values: Float32Array): Uint16Array {
  const bits = bitsOf(values)
  const out = new Uint16Array(bits.length)
  for (let i = 0; i < bits.length; i++) {
    const u = bits[i]!
    // Rounding could carry the mantissa of a NaN over into infinity or zero.
    out[i] = (u & 0x7fffffff) > 0x7f800000 ? (u >>> 16) | 0x40 : (u + 0x7fff + ((u >>> 16) & 1)) >>> 16
  }
  return out
}

/** Bits of bfloat16 to float32: the upper half of the same number. */
export function fromBfloat16Bits(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16
  return new Float32Array(out.buffer)
}

/** Float32 to the bits of IEEE 754 binary16, to nearest with ties to even; overflow gives infinity. */
export function float16Bits(values: Float32Array): Uint16Array {
  const bits = bitsOf(values)
  const out = new Uint16Array(bits.length)
  for (let i = 0; i < bits.length; i++) out[i] = float16Of(bits[i]!)
  return out
}

function float16Of(u: number): number {
  const sign = (u >>> 16) & 0x8000
  const magnitude = u & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff)
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude >= 0x38800000) {
    // The exponent's bias goes from 127 to 15; a carry out of the mantissa moves the exponent as it should.
    const rebiased = magnitude - 0x38000000
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13)
  }
  // Half of the smallest subnormal, 2^-25, is a tie with zero, which is even.
  if (magnitude <= 0x33000000) return sign
  const shift = 126 - (magnitude >>> 23)
  const mantissa = (magnitude & 0x7fffff) | 0x800000
  const kept = mantissa >>> shift
  const rest = mantissa & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0))
}

let widened: Float32Array | undefined

/** Bits of IEEE 754 binary16 to float32, by a table of all 65,536 values. */
export function fromFloat16Bits(bits: Uint16Array): Float32Array {
  widened ??= makeTable()
  const out = new Float32Array(bits.length)
  for (let i = 0; i < bits.length; i++) out[i] = widened[bits[i]!]!
  return out
}

function makeTable(): Float32Array {
  const table = new Float32Array(0x10000)
  for (let bits = 0; bits < 0x10000; bits++) {
    const exponent = (bits >>> 10) & 0x1f
    const mantissa = bits & 0x3ff
    const sign = bits < 0x8000 ? 1 : -1
    if (exponent === 0) table[bits] = sign * mantissa * 2 ** -24
    else if (exponent < 31) table[bits] = sign * (1024 + mantissa) * 2 ** (exponent - 25)
    else table[bits] = mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  }
  return table
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length)
}
