import { crc32, inflateRawSync } from 'node:zlib'
import { type ByteSource, viewOf } from './byte-source.ts'
import { TorchFileError } from './errors.ts'
import { MAX_INFLATED_BYTES } from './limits.ts'
import { readZipDirectory, type ZipDirectory } from './zip-directory.ts'
import {
  BYTES,
  centralEntry,
  descriptor,
  endRecords,
  FLAG,
  localHeader,
  SIGNATURE,
  ZIP64_FIELD,
  type ZipMember,
} from './zip-format.ts'

const VERIFY_CHUNK = 4 * 2 ** 20

/** Members of a zip file, read by position; nothing is extracted to disk. */
export class ZipArchive {
  readonly #source: ByteSource
  readonly #directory: ZipDirectory
  readonly #dataOffsets = new Map<string, number>()
  #inflated: { name: string; bytes: Uint8Array } | undefined

  private constructor(source: ByteSource, directory: ZipDirectory) {
    this.#source = source
    this.#directory = directory
  }

  static async open(source: ByteSource): Promise<ZipArchive> {
    return new ZipArchive(source, await readZipDirectory(source))
  }

  get members(): ReadonlyMap<string, ZipMember> {
    return this.#directory.members
  }

  #fail(what: string, cause?: unknown): TorchFileError {
    return new TorchFileError(this.#source.name, `is damaged or truncated: ${what}`, { cause })
  }

  /** @throws TorchFileError when there is no such member */
  member(name: string): ZipMember {
    const member = this.members.get(name)
    if (!member) throw this.#fail(`member ${name} is missing`)
    return member
  }

  /** Where a member's data begins; its local header must agree with the directory. */
  async #dataOffset(member: ZipMember): Promise<number> {
    const known = this.#dataOffsets.get(member.name)
    if (known !== undefined) return known
    const nameBytes = Buffer.from(member.name)
    const bytes = await this.#source.read(member.headerOffset, BYTES.local + nameBytes.length)
    const view = viewOf(bytes)
    const agrees =
      view.getUint32(0, true) === SIGNATURE.local &&
      view.getUint16(6, true) === member.flags &&
      view.getUint16(8, true) === member.method &&
      view.getUint16(26, true) === nameBytes.length &&
      nameBytes.equals(bytes.subarray(BYTES.local))
    if (!agrees) throw this.#fail(`the header of member ${member.name} does not match the zip directory`)
    if (!(member.flags & FLAG.sizesFollow) && view.getUint32(14, true) !== member.crc32)
      throw this.#fail(`the header of member ${member.name} has another checksum than the zip directory`)
    const offset = member.headerOffset + bytes.length + view.getUint16(28, true)
    if (offset + member.compressedSize > this.#source.size)
      throw this.#fail(`member ${member.name} reaches beyond the end of the file`)
    this.#dataOffsets.set(member.name, offset)
    return offset
  }

  async #inflate(member: ZipMember): Promise<Uint8Array> {
    if (this.#inflated?.name === member.name) return this.#inflated.bytes
    if (member.size > MAX_INFLATED_BYTES)
      throw this.#fail(`compressed member ${member.name} claims ${member.size} bytes`)
    const packed = await this.#source.read(await this.#dataOffset(member), member.compressedSize)
    let bytes: Uint8Array
    try {
      // The output bound is what stops a zip bomb: the claimed size alone proves nothing.
      bytes = new Uint8Array(inflateRawSync(packed, { maxOutputLength: Math.max(member.size, 1) }))
    } catch (cause) {
      throw this.#fail(`compressed member ${member.name} does not decompress`, cause)
    }
    if (bytes.length !== member.size) throw this.#fail(`compressed member ${member.name} has the wrong size`)
    this.#checkCrc(member, crc32(bytes))
    this.#inflated = { name: member.name, bytes }
    return bytes
  }

  #checkCrc(member: ZipMember, found: number): void {
    if (found === member.crc32) return
    const hex = (value: number) => value.toString(16).padStart(8, '0')
    throw this.#fail(`the checksum of member ${member.name} is ${hex(found)}, expected ${hex(member.crc32)}`)
  }

  /** Part of a member's data; no checksum is looked at unless the part is the whole. */
  async readRange(name: string, offset: number, length: number): Promise<Uint8Array> {
    const member = this.member(name)
    if (offset < 0 || offset + length > member.size)
      throw this.#fail(`bytes ${offset} to ${offset + length} of member ${name}, which has ${member.size}`)
    if (member.method !== 0) return (await this.#inflate(member)).subarray(offset, offset + length)
    const bytes = await this.#source.read((await this.#dataOffset(member)) + offset, length)
    if (length === member.size) this.#checkCrc(member, crc32(bytes))
    return bytes
  }

  /** A whole member with its checksum verified. */
  async read(name: string, limit: number): Promise<Uint8Array> {
    const member = this.member(name)
    if (member.size > limit) throw this.#fail(`member ${name} has ${member.size} bytes, more than ${limit}`)
    return this.readRange(name, 0, member.size)
  }

  /**
   * Reads every byte of every member: checksums, local headers and data descriptors must agree with the
   * directory, and no two members may overlap.
   */
  async verify(): Promise<void> {
    const ordered = [...this.members.values()].sort((a, b) => a.headerOffset - b.headerOffset)
    let free = 0
    for (const member of ordered) {
      if (member.headerOffset < free) throw this.#fail(`member ${member.name} overlaps the one before`)
      const start = await this.#dataOffset(member)
      free = start + member.compressedSize
      if (member.method !== 0) await this.#inflate(member)
      else await this.#verifyStored(member, start)
      if (member.flags & FLAG.sizesFollow) await this.#verifyDescriptor(member, free)
    }
  }

  async #verifyStored(member: ZipMember, start: number): Promise<void> {
    let crc = 0
    for (let done = 0; done < member.size; done += VERIFY_CHUNK)
      crc = crc32(await this.#source.read(start + done, Math.min(VERIFY_CHUNK, member.size - done)), crc)
    this.#checkCrc(member, crc)
  }

  async #verifyDescriptor(member: ZipMember, at: number): Promise<void> {
    const view = viewOf(await this.#source.read(at, 16))
    const agrees =
      view.getUint32(0, true) === SIGNATURE.descriptor &&
      view.getUint32(4, true) === member.crc32 &&
      // In a zip64 descriptor this is the low half of the compressed size.
      view.getUint32(8, true) === member.compressedSize % 2 ** 32
    if (!agrees)
      throw this.#fail(`the data descriptor of member ${member.name} does not match the zip directory`)
  }

  /**
   * Compares every byte that no checksum covers with what torch.save writes there: headers, padding, descriptors,
   * the directory and the end records. Members must follow each other without gaps and be stored as they are. Together
   * with `verify`, a change of any one byte is noticed.
   */
  async verifyLayout(): Promise<void> {
    const { members, offset, bytes } = this.#directory
    // Version, time and date are the same in all members of a file, whatever the version of torch: a changed one stands out.
    const common = bytes.subarray(6, 16)
    let [free, at, index] = [0, 0, 0]
    for (const member of members.values()) {
      const entry = Buffer.from(centralEntry(member))
      putCommon(entry, 6, common)
      if (!entry.equals(bytes.subarray(at, at + entry.length)))
        throw this.#fail(`entry ${index} of its zip directory is not as torch writes it`)
      if (member.headerOffset !== free) throw this.#fail(`bytes before entry ${index} belong to no member`)
      free = await this.#verifyFrame(member, index++, common)
      at += entry.length
    }
    if (free !== offset) throw this.#fail('bytes before its zip directory belong to no member')
    const end = Buffer.from(endRecords(members.size, offset, bytes.length))
    const size = this.#source.size
    if (
      size !== offset + at + end.length ||
      !end.equals(await this.#source.read(size - end.length, end.length))
    )
      throw this.#fail('its zip end records are not as torch writes them')
  }

  /** @returns the offset behind the member's header, data and descriptor */
  async #verifyFrame(member: ZipMember, index: number, common: Uint8Array): Promise<number> {
    const start = await this.#dataOffset(member)
    const header = await this.#source.read(member.headerOffset, start - member.headerOffset)
    const extra = header.subarray(BYTES.local + Buffer.byteLength(member.name))
    const hasZip64 = extra.length >= 4 && viewOf(extra).getUint16(0, true) === ZIP64_FIELD
    const zip64 = extra.slice(0, hasZip64 ? 4 + viewOf(extra).getUint16(2, true) : 0)
    const padding = extra.length - zip64.length - 4
    const isEmpty = member.size === 0 && member.flags === FLAG.utf8
    const isAsTorch =
      padding >= 0 &&
      (isEmpty || member.flags === (FLAG.utf8 | FLAG.sizesFollow)) &&
      Buffer.from(putCommon(localHeader(member, padding, zip64), 4, common)).equals(header)
    if (!isAsTorch) throw this.#fail(`the header of entry ${index} is not as torch writes it`)
    const end = start + member.size
    if (isEmpty) return end
    const wanted = Buffer.from(descriptor(member))
    if (!wanted.equals(await this.#source.read(end, wanted.length)))
      throw this.#fail(`the data descriptor of entry ${index} is not as torch writes it`)
    return end + wanted.length
  }
}

/**
 * Copies version, time and date of a central entry into a header at the offset of its version: both kinds of header have
 * them in the same order, with flags and method between.
 */
function putCommon(header: Uint8Array, at: number, common: Uint8Array): Uint8Array {
  header.set(common.subarray(0, 2), at)
  header.set(common.subarray(6), at + 6)
  return header
}
