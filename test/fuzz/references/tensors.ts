/** A tensor of an answer, as protobufjs reads it: 64-bit integers are text. */
interface WireTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly string[]
  readonly contents?: Readonly<Record<string, readonly (number | string | boolean | Uint8Array)[]>> | null
}

export interface WireAnswer {
  readonly modelName: string
  readonly modelVersion: string
  readonly id: string
  readonly outputs: readonly WireTensor[]
  readonly rawOutputContents: readonly Uint8Array[]
}

type Read = (view: DataView, at: number) => number | bigint
const bfloat16: Read = (view, at) => {
  const wide = new DataView(new ArrayBuffer(4))
  wide.setUint16(2, view.getUint16(at, true), true)
  return wide.getFloat32(0, true)
}

/** Of each datatype: bytes of an element, how it is read, and the list in which elements come one by one. */
const DATATYPES: Readonly<Record<string, readonly [bytes: number, read: Read, list: string]>> = {
  BOOL: [1, (view, at) => view.getUint8(at), 'boolContents'],
  UINT8: [1, (view, at) => view.getUint8(at), 'uintContents'],
  UINT16: [2, (view, at) => view.getUint16(at, true), 'uintContents'],
  UINT32: [4, (view, at) => view.getUint32(at, true), 'uintContents'],
  UINT64: [8, (view, at) => view.getBigUint64(at, true), 'uint64Contents'],
  INT8: [1, (view, at) => view.getInt8(at), 'intContents'],
  INT16: [2, (view, at) => view.getInt16(at, true), 'intContents'],
  INT32: [4, (view, at) => view.getInt32(at, true), 'intContents'],
  INT64: [8, (view, at) => view.getBigInt64(at, true), 'int64Contents'],
  FP16: [2, (view, at) => view.getFloat16(at, true), ''],
  BF16: [2, bfloat16, ''],
  FP32: [4, (view, at) => view.getFloat32(at, true), 'fp32Contents'],
  FP64: [8, (view, at) => view.getFloat64(at, true), 'fp64Contents'],
}

/** The elements that an output has by the protocol, as text; undefined for one that cannot be right. */
export function meant({ outputs, rawOutputContents: raws }: WireAnswer, at: number): string[] | undefined {
  const { datatype, shape, contents } = outputs[at]!
  const sizes = shape.map(BigInt)
  const count = sizes.reduce((product, size) => product * size, 1n)
  if (sizes.some((size) => size < 0n) || count > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  const isListed = Object.values(contents ?? {}).some((list) => list.length > 0)
  if (raws.length > 0 && (raws.length !== outputs.length || isListed)) return undefined
  const raw = raws[at]
  const words = raw === undefined ? ((contents?.bytesContents ?? []) as Uint8Array[]) : wordsOf(raw)
  const elements =
    datatype === 'BYTES'
      ? words?.map((word) => Buffer.from(word).toString('hex'))
      : numbersOf(datatype, raw, Number(count), contents)
  return elements !== undefined && BigInt(elements.length) === count ? elements : undefined
}

function numbersOf(
  datatype: string,
  raw: Uint8Array | undefined,
  count: number,
  contents: WireTensor['contents'],
): string[] | undefined {
  const found = DATATYPES[datatype]
  if (found === undefined) return undefined
  const [bytes, read, list] = found
  if (raw === undefined) {
    const elements = contents?.[list] ?? []
    return elements.every((each) => fits(datatype, bytes, Number(each))) ? elements.map(text) : undefined
  }
  if (raw.byteLength !== count * bytes) return undefined
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  return Array.from({ length: count }, (_, i) => text(read(view, i * bytes)))
}

/** Of the small integers, which come one by one as large ones. */
function fits(datatype: string, bytes: number, value: number): boolean {
  if (!/INT(8|16)$/.test(datatype)) return true
  const span = 2 ** (8 * bytes)
  const low = datatype.startsWith('U') ? 0 : -span / 2
  return value >= low && value < low + span
}

function text(value: unknown): string {
  return Object.is(value, -0) ? '-0' : String(typeof value === 'boolean' ? Number(value) : value)
}

/** Each a length in four bytes, and as many bytes. */
function wordsOf(raw: Uint8Array): Uint8Array[] | undefined {
  const words: Uint8Array[] = []
  for (let rest = Buffer.from(raw); rest.length > 0; ) {
    const length = rest.length < 4 ? Number.POSITIVE_INFINITY : rest.readUInt32LE()
    if (rest.length - 4 < length) return undefined
    words.push(rest.subarray(4, 4 + length))
    rest = rest.subarray(4 + length)
  }
  return words
}
