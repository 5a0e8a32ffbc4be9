import { viewOf } from './byte-source.ts'

/** One entry of the central directory (APPNOTE.TXT 4.3.12). */
export interface ZipMember {
  readonly name: string
  /** 0 stored, 8 deflated. */
  readonly method: number
  readonly flags: number
  readonly crc32: number
  readonly compressedSize: number
  readonly size: number
  readonly headerOffset: number
}

export const SIGNATURE = {
  local: 0x04034b50,
  central: 0x02014b50,
  descriptor: 0x08074b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
  end: 0x06054b50,
} as const

/** Bytes of each record without what varies. */
export const BYTES = { local: 30, central: 46, end64: 56, locator64: 20, end: 22 } as const

/** Sizes and offsets that reach this stand in a zip64 field. */
export const U32_MAX = 0xffffffff
export const ZIP64_FIELD = 1

export const FLAG = {
  encrypted: 1,
  /** Sizes and checksum follow the data, in a descriptor. */
  sizesFollow: 8,
  /** Patches, strong encryption, an encrypted directory. */
  notReadable: 0x2060,
  utf8: 0x0800,
} as const

// What torch.save writes, with miniz. Fields that stay 0: versions, times, attributes, and in local headers sizes
// and checksums. Source: PyTorch inline_container.cc, checked against files of torch 2.8.

/** The extra field that fills a local header with `Z` (PyTorch's `FB`). */
const PADDING_FIELD = 0x4246

/** @param zip64 the field before the padding, which only members beyond 4 GiB have */
export function localHeader(
  { name, flags }: Pick<ZipMember, 'name' | 'flags'>,
  padding: number,
  zip64 = new Uint8Array(0),
): Uint8Array {
  const nameBytes = Buffer.from(name)
  const extraAt = BYTES.local + nameBytes.length
  const paddingAt = extraAt + zip64.length + 4
  const bytes = new Uint8Array(paddingAt + padding)
  const view = viewOf(bytes)
  view.setUint32(0, SIGNATURE.local, true)
  view.setUint16(6, flags, true)
  view.setUint16(26, nameBytes.length, true)
  view.setUint16(28, bytes.length - extraAt, true)
  bytes.set(nameBytes, BYTES.local)
  bytes.set(zip64, extraAt)
  view.setUint16(paddingAt - 4, PADDING_FIELD, true)
  view.setUint16(paddingAt - 2, padding, true)
  return bytes.fill(0x5a, paddingAt)
}

export function descriptor({ crc32, size, headerOffset }: ZipMember): Uint8Array {
  const isLong = size > U32_MAX || headerOffset > U32_MAX
  const view = new DataView(new ArrayBuffer(isLong ? 24 : 16))
  view.setUint32(0, SIGNATURE.descriptor, true)
  view.setUint32(4, crc32, true)
  for (const i of [0, 1]) {
    if (isLong) view.setBigUint64(8 + 8 * i, BigInt(size), true)
    else view.setUint32(8 + 4 * i, size, true)
  }
  return new Uint8Array(view.buffer)
}

export function centralEntry({ name, flags, crc32, size, headerOffset }: ZipMember): Uint8Array {
  const nameBytes = Buffer.from(name)
  const numbers = [size, size, headerOffset]
  const long = numbers.filter((value) => value >= U32_MAX)
  const extraAt = BYTES.central + nameBytes.length
  const bytes = new Uint8Array(extraAt + (long.length > 0 ? 4 + 8 * long.length : 0))
  const view = viewOf(bytes)
  view.setUint32(0, SIGNATURE.central, true)
  view.setUint16(8, flags, true)
  view.setUint32(16, crc32, true)
  for (const [i, at] of [20, 24, 42].entries()) view.setUint32(at, Math.min(numbers[i]!, U32_MAX), true)
  view.setUint16(28, nameBytes.length, true)
  bytes.set(nameBytes, BYTES.central)
  if (long.length > 0) {
    view.setUint16(30, bytes.length - extraAt, true)
    view.setUint16(extraAt, ZIP64_FIELD, true)
    view.setUint16(extraAt + 2, 8 * long.length, true)
  }
  for (const [i, value] of long.entries()) view.setBigUint64(extraAt + 4 + 8 * i, BigInt(value), true)
  return bytes
}

/** The end record of zip64, its locator and the plain end record; torch always writes all three. */
export function endRecords(members: number, directoryOffset: number, directoryBytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(BYTES.end64 + BYTES.locator64 + BYTES.end))
  view.setUint32(0, SIGNATURE.end64, true)
  view.setBigUint64(4, 44n, true)
  view.setUint16(12, 0x031e, true)
  view.setUint16(14, 45, true)
  view.setBigUint64(24, BigInt(members), true)
  view.setBigUint64(32, BigInt(members), true)
  view.setBigUint64(40, BigInt(directoryBytes), true)
  view.setBigUint64(48, BigInt(directoryOffset), true)
  view.setUint32(56, SIGNATURE.locator64, true)
  view.setBigUint64(64, BigInt(directoryOffset + directoryBytes), true)
  view.setUint32(72, 1, true)
  view.setUint32(76, SIGNATURE.end, true)
  view.setUint16(84, Math.min(members, 0xffff), true)
  view.setUint16(86, Math.min(members, 0xffff), true)
  view.setUint32(88, Math.min(directoryBytes, U32_MAX), true)
  view.setUint32(92, Math.min(directoryOffset, U32_MAX), true)
  return new Uint8Array(view.buffer)
}
