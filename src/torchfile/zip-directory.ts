import { type ByteSource, viewOf } from './byte-source.ts'
import { TorchFileError } from './errors.ts'
import { MAX_DIRECTORY_BYTES, MAX_MEMBERS } from './limits.ts'
import { BYTES, FLAG, SIGNATURE, U32_MAX, ZIP64_FIELD, type ZipMember } from './zip-format.ts'

const MAX_COMMENT = 65535
/** Six point three, the last one that was published (APPNOTE.TXT 4.4.3). */
const NEWEST_VERSION = 63
const SPLIT = 'it is one part of a zip archive split over several files'

export interface ZipDirectory {
  /** In the order of the directory. */
  readonly members: ReadonlyMap<string, ZipMember>
  readonly offset: number
  readonly bytes: Uint8Array
}

type Fail = (what: string) => Error

function u64(view: DataView, at: number, fail: Fail): number {
  const value = view.getBigUint64(at, true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw fail(`an impossible 64-bit value ${value}`)
  return Number(value)
}

interface End {
  entries: number
  directoryBytes: number
  directoryOffset: number
  /** Where the end records begin; the directory must end before. */
  offset: number
}

async function findEnd(source: ByteSource, fail: Fail): Promise<End> {
  const tailBytes = Math.min(source.size, BYTES.end + MAX_COMMENT)
  const tailOffset = source.size - tailBytes
  const tail = await source.read(tailOffset, tailBytes)
  const view = viewOf(tail)
  let at = tailBytes - BYTES.end
  for (; at >= 0; at--)
    // The comment must reach exactly to the end of the file, or the signature is a coincidence.
    if (
      view.getUint32(at, true) === SIGNATURE.end &&
      at + BYTES.end + view.getUint16(at + 20, true) === tailBytes
    )
      break
  if (at < 0) throw fail('the zip directory at its end is missing')
  const end: End = {
    entries: view.getUint16(at + 10, true),
    directoryBytes: view.getUint32(at + 12, true),
    directoryOffset: view.getUint32(at + 16, true),
    offset: tailOffset + at,
  }
  if (view.getUint16(at + 4, true) !== 0 || view.getUint16(at + 6, true) !== 0) throw fail(SPLIT)
  const locatorOffset = end.offset - BYTES.locator64
  if (locatorOffset < 0) return end
  const locator = viewOf(await source.read(locatorOffset, BYTES.locator64))
  if (locator.getUint32(0, true) !== SIGNATURE.locator64) return end
  const recordOffset = u64(locator, 8, fail)
  if (locator.getUint32(4, true) !== 0 || locator.getUint32(16, true) > 1) throw fail(SPLIT)
  // Nothing that a program may have put behind it is of use here.
  if (recordOffset + BYTES.end64 !== locatorOffset) throw fail('its zip64 end record is out of place')
  const record = viewOf(await source.read(recordOffset, BYTES.end64))
  if (record.getUint32(0, true) !== SIGNATURE.end64) throw fail('its zip64 end record is damaged')
  const end64: End = {
    entries: u64(record, 32, fail),
    directoryBytes: u64(record, 40, fail),
    directoryOffset: u64(record, 48, fail),
    offset: recordOffset,
  }
  const agrees = (short: number, long: number, max: number) => short === max || short === long
  if (
    !agrees(end.entries, end64.entries, 0xffff) ||
    !agrees(end.directoryBytes, end64.directoryBytes, U32_MAX) ||
    !agrees(end.directoryOffset, end64.directoryOffset, U32_MAX)
  )
    throw fail('its two zip end records disagree')
  return end64
}

/** Sizes and offset that do not fit 32 bits stand in extra field 1, in this order (APPNOTE.TXT 4.5.3). */
function zip64Values(extra: DataView, missing: number, fail: Fail): number[] {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const id = extra.getUint16(at, true)
    const length = extra.getUint16(at + 2, true)
    if (at + 4 + length > extra.byteLength) break
    if (id === ZIP64_FIELD && length >= missing * 8)
      return Array.from({ length: missing }, (_, i) => u64(extra, at + 4 + i * 8, fail))
    at += 4 + length
  }
  throw fail('a zip64 size is missing')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the central directory.
 * @throws TorchFileError when any record is damaged, repeated, encrypted or out of bounds
 */
export async function readZipDirectory(source: ByteSource): Promise<ZipDirectory> {
  const fail = (what: string) => new TorchFileError(source.name, `is damaged or truncated: ${what}`)
  const end = await findEnd(source, fail)
  // Bytes between the two would belong to nothing; Python takes them for bytes before the archive.
  if (end.directoryOffset + end.directoryBytes !== end.offset) throw fail('its zip directory is out of place')
  if (end.directoryBytes > MAX_DIRECTORY_BYTES || end.entries > MAX_MEMBERS)
    throw fail(`its zip directory claims ${end.entries} members in ${end.directoryBytes} bytes`)
  const bytes = await source.read(end.directoryOffset, end.directoryBytes)
  const members = new Map<string, ZipMember>()
  let at = 0
  for (let index = 0; index < end.entries; index++) {
    const { member, next } = readEntry(bytes, at, index, fail)
    checkMember(member, end, fail)
    if (members.has(member.name)) throw fail(`member ${member.name} is there twice`)
    members.set(member.name, member)
    at = next
  }
  if (at !== bytes.length) throw fail(`its zip directory has ${bytes.length - at} bytes too many`)
  return { members, offset: end.directoryOffset, bytes }
}

/** The entry of the central directory that begins at `at`, and where the next one does. */
function readEntry(bytes: Uint8Array, at: number, index: number, fail: Fail) {
  const view = viewOf(bytes)
  if (at + BYTES.central > bytes.length || view.getUint32(at, true) !== SIGNATURE.central)
    throw fail(`entry ${index} of its zip directory`)
  const nameEnd = at + BYTES.central + view.getUint16(at + 28, true)
  const extraEnd = nameEnd + view.getUint16(at + 30, true)
  const next = extraEnd + view.getUint16(at + 32, true)
  if (next > bytes.length) throw fail(`entry ${index} of its zip directory`)
  let name: string
  try {
    name = utf8.decode(bytes.subarray(at + BYTES.central, nameEnd))
  } catch {
    throw fail(`the name of entry ${index} of its zip directory is not UTF-8`)
  }
  const short = [24, 20, 42].map((field) => view.getUint32(at + field, true))
  const missing = short.filter((value) => value === U32_MAX).length
  const long = missing ? zip64Values(viewOf(bytes.subarray(nameEnd, extraEnd)), missing, fail) : []
  const [size, compressedSize, headerOffset] = short.map((value) =>
    value === U32_MAX ? long.shift()! : value,
  ) as [number, number, number]
  if (view.getUint16(at + 6, true) > NEWEST_VERSION)
    throw fail(`member ${name} needs a newer version of the zip format`)
  const member: ZipMember = {
    name,
    method: view.getUint16(at + 10, true),
    flags: view.getUint16(at + 8, true),
    crc32: view.getUint32(at + 16, true),
    compressedSize,
    size,
    headerOffset,
  }
  return { member, next }
}

function checkMember(
  { name, method, flags, size, compressedSize, headerOffset }: ZipMember,
  end: End,
  fail: Fail,
): void {
  if (flags & FLAG.encrypted) throw fail(`member ${name} is encrypted`)
  if (flags & FLAG.notReadable) throw fail(`member ${name} needs what this program does not have`)
  if (method !== 0 && method !== 8) throw fail(`member ${name} has unknown compression method ${method}`)
  if (method === 0 && size !== compressedSize) throw fail(`member ${name} has two different sizes`)
  if (headerOffset + BYTES.local + compressedSize > end.directoryOffset)
    throw fail(`member ${name} is out of bounds`)
}
