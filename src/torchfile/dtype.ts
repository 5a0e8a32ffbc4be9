/** Element types that models and feature files use, named as safetensors names them, with their other names. */
export const DTYPES = {
  F64: { bytes: 8, storage: 'DoubleStorage', numpy: 'f8', array: Float64Array },
  F32: { bytes: 4, storage: 'FloatStorage', numpy: 'f4', array: Float32Array },
  F16: { bytes: 2, storage: 'HalfStorage', numpy: 'f2', array: undefined },
  BF16: { bytes: 2, storage: 'BFloat16Storage', numpy: undefined, array: undefined },
  I64: { bytes: 8, storage: 'LongStorage', numpy: 'i8', array: BigInt64Array },
  I32: { bytes: 4, storage: 'IntStorage', numpy: 'i4', array: Int32Array },
  I16: { bytes: 2, storage: 'ShortStorage', numpy: 'i2', array: Int16Array },
  I8: { bytes: 1, storage: 'CharStorage', numpy: 'i1', array: Int8Array },
  U8: { bytes: 1, storage: 'ByteStorage', numpy: 'u1', array: Uint8Array },
  BOOL: { bytes: 1, storage: 'BoolStorage', numpy: 'b1', array: Uint8Array },
} as const

/** Element type of a tensor. */
export type DType = keyof typeof DTYPES

const names = Object.keys(DTYPES) as DType[]

/** Bytes per element. */
export const ITEM_BYTES = Object.fromEntries(names.map((name) => [name, DTYPES[name].bytes])) as Readonly<
  Record<DType, number>
>

/** torch.<key>; `UntypedStorage` counts bytes. */
export const STORAGE_DTYPES: ReadonlyMap<string, DType> = new Map([
  ...names.map((name): [string, DType] => [DTYPES[name].storage, name]),
  ['UntypedStorage', 'U8'],
])

export function isDType(text: string): text is DType {
  return Object.hasOwn(DTYPES, text)
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

/**
 * Widens (or for F64 and integers rounds) little-endian elements to float32, as `tensor.float()` does.
 * BOOL gives 0 and 1. May return a view of `raw` when it is float32 already.
 */
export function toFloat32(raw: Uint8Array, dtype: DType): Float32Array {
  const { bytes: itemBytes, array: Numbers } = DTYPES[dtype]
  const { buffer, byteOffset } = raw.byteOffset % itemBytes === 0 ? raw : Uint8Array.from(raw)
  const count = Math.floor(raw.length / itemBytes)
  if (Numbers === undefined) {
    const halves = new Uint16Array(buffer, byteOffset, count)
    // Copied as bits: a signalling NaN must not become a quiet one on the way.
    const table = dtype === 'F16' ? new Uint32Array(float16Table().buffer) : undefined
    const out = new Uint32Array(count)
    for (let i = 0; i < count; i++) out[i] = table === undefined ? halves[i]! << 16 : table[halves[i]!]!
    return new Float32Array(out.buffer)
  }
  const numbers = new Numbers(buffer as ArrayBuffer, byteOffset, count)
  if (numbers instanceof Float32Array) return numbers
  if (dtype === 'BOOL') return Float32Array.from(raw, (byte) => (byte === 0 ? 0 : 1))
  const out = new Float32Array(count)
  // Safe integers are rounded once. Beyond 2^53, Number() rounds first; torch rounds the integer directly.
  for (let i = 0; i < count; i++) out[i] = Number(numbers[i]!)
  return out
}
