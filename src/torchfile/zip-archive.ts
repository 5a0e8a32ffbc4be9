import { crc32, inflateRawSync } from 'node:zlib'
import { type ByteSource, viewOf } from './byte-source.ts'
import { TorchFileError } from './errors.ts'
import { MAX_INFLATED_BYTES } from './limits.ts'
import { readZipDirectory, type ZipMember } from './zip-directory.ts'

const LOCAL = 0x04034b50
const DESCRIPTOR = 0x08074b50
const SIZES_FOLLOW = 8
const VERIFY_CHUNK = 4 * 2 ** 20

/** Members of a zip file, read by position; nothing is extracted to disk. */
export class ZipArchive {
  readonly members: ReadonlyMap<string, ZipMember>
  readonly #source: ByteSource
  readonly #dataOffsets = new Map<string, number>()
  #inflated: { name: string; bytes: Uint8Array } | undefined

  private constructor(source: ByteSource, members: ReadonlyMap<string, ZipMember>) {
    this.#source = source
    this.members = members
  }

  static async open(source: ByteSource): Promise<ZipArchive> {
    return new ZipArchive(source, await readZipDirectory(source))
  }

  #fail(what: string, cause?: unknown): TorchFileError {
    return new TorchFileError(this.#source.name, `the file is truncated or damaged: ${what}`, { cause })
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
    const bytes = await this.#source.read(member.headerOffset, 30 + nameBytes.length)
    const view = viewOf(bytes)
    const agrees =
      view.getUint32(0, true) === LOCAL &&
      view.getUint16(6, true) === member.flags &&
      view.getUint16(8, true) === member.method &&
      view.getUint16(26, true) === nameBytes.length &&
      nameBytes.equals(bytes.subarray(30))
    if (!agrees) throw this.#fail(`the header of member ${member.name} does not match the zip directory`)
    if (!(member.flags & SIZES_FOLLOW) && view.getUint32(14, true) !== member.crc32)
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
      if (member.flags & SIZES_FOLLOW) await this.#verifyDescriptor(member, free)
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
      view.getUint32(0, true) === DESCRIPTOR &&
      view.getUint32(4, true) === member.crc32 &&
      // In a zip64 descriptor this is the low half of the compressed size.
      view.getUint32(8, true) === member.compressedSize % 2 ** 32
    if (!agrees)
      throw this.#fail(`the data descriptor of member ${member.name} does not match the zip directory`)
  }
}
