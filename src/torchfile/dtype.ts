/** Element types that models and feature files use; named as safetensors names them. */
export type DType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL'

/** Bytes per element. */
export const ITEM_BYTES: Readonly<Record<DType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
}

/** torch.<key>Storage; `Untyped` counts bytes. */
export const STORAGE_DTYPES: ReadonlyMap<string, DType> = new Map([
  ['DoubleStorage', 'F64'],
  ['FloatStorage', 'F32'],
  ['HalfStorage', 'F16'],
  ['BFloat16Storage', 'BF16'],
  ['LongStorage', 'I64'],
  ['IntStorage', 'I32'],
  ['ShortStorage', 'I16'],
  ['CharStorage', 'I8'],
  ['ByteStorage', 'U8'],
  ['BoolStorage', 'BOOL'],
  ['UntypedStorage', 'U8'],
])

export function isDType(text: string): text is DType {
  return Object.hasOwn(ITEM_BYTES, text)
}

let halfTable: Float32Array | undefined

/** All 65,536 float16 values as float32: a lookup is several times faster than bit arithmetic per element. */
function float16Table(): Float32Array {
  if (halfTable) return halfTable
  const table = new Float32Array(65536)
  const bits = new Uint32Array(table.buffer)
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16
    const exponent = (half >> 10) & 31
    const fraction = half & 1023
    if (exponent === 31) bits[half] = sign | 0x7f800000 | (fraction << 13)
    else if (exponent !== 0) bits[half] = sign | ((exponent + 112) << 23) | (fraction << 13)
    else table[half] = (sign ? -1 : 1) * fraction * 2 ** -24
  }
  halfTable = table
  return table
}

/** The bytes at an address the element type can view; copies only when they are not aligned. */
function aligned(bytes: Uint8Array, itemBytes: number): Uint8Array {
  return bytes.byteOffset % itemBytes === 0 ? bytes : new Uint8Array(bytes)
}

/**
 * Widens (or for F64 and integers rounds) little-endian elements to float32, as `tensor.float()` does.
 * BOOL gives 0 and 1. May return a view of `raw` when it is float32 already.
 */
export function toFloat32(raw: Uint8Array, dtype: DType): Float32Array {
  const bytes = aligned(raw, ITEM_BYTES[dtype])
  const { buffer, byteOffset } = bytes
  const count = Math.floor(bytes.length / ITEM_BYTES[dtype])
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, count)
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, count))
    case 'F16': {
      const table = float16Table()
      const halves = new Uint16Array(buffer, byteOffset, count)
      // Copied as bits: a signalling NaN must not become a quiet one on the way.
      const from = new Uint32Array(table.buffer)
      const out = new Uint32Array(count)
      for (let i = 0; i < count; i++) out[i] = from[halves[i]!]!
      return new Float32Array(out.buffer)
    }
    case 'BF16': {
      const halves = new Uint16Array(buffer, byteOffset, count)
      const out = new Uint32Array(count)
      for (let i = 0; i < count; i++) out[i] = halves[i]! << 16
      return new Float32Array(out.buffer)
    }
    case 'I64': {
      const whole = new BigInt64Array(buffer, byteOffset, count)
      const out = new Float32Array(count)
      // Safe integers are rounded once. Beyond 2^53, Number() rounds first; torch rounds the integer directly.
      for (let i = 0; i < count; i++) out[i] = Number(whole[i]!)
      return out
    }
    case 'I32':
      return Float32Array.from(new Int32Array(buffer, byteOffset, count))
    case 'I16':
      return Float32Array.from(new Int16Array(buffer, byteOffset, count))
    case 'I8':
      return Float32Array.from(new Int8Array(buffer, byteOffset, count))
    case 'U8':
      return Float32Array.from(bytes)
    case 'BOOL':
      return Float32Array.from(bytes, (byte) => (byte === 0 ? 0 : 1))
  }
}
