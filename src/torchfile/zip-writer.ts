import { crc32 } from 'node:zlib'
import { TorchFileError } from './errors.ts'
import { serializationId } from './serialization-id.ts'

/** Takes the bytes of a file in order; the chunk must be used or copied before the promise settles. */
export type ByteSink = (chunk: Uint8Array) => void | Promise<void>

/** Every member's data begins at a multiple of this, so that it can be memory-mapped. */
const ALIGNMENT = 64
const UTF8_FLAG = 0x0800
const SIZES_FOLLOW_FLAG = 0x0008
const PADDING = 0x5a // 'Z'
/** Beyond 4 GiB torch adds zip64 fields to members; no file of the pipeline comes near. */
const MAX_ARCHIVE_BYTES = 0xffffffff

interface Written {
  readonly name: Uint8Array
  readonly flags: number
  readonly crc32: number
  readonly size: number
  readonly offset: number
}

/**
 * Writes a zip file laid out as torch.save lays it out, without ever seeking back: sizes and checksums
 * follow the data. Source: PyTorch inline_container.cc (miniz), checked against files of torch 2.8.
 */
export class TorchZipWriter {
  readonly #sink: ByteSink
  readonly #folder: string
  readonly #written: Written[] = []
  readonly #names: string[] = []
  #offset = 0

  constructor(archiveName: string, sink: ByteSink) {
    if (archiveName === '' || archiveName.includes('/'))
      throw new TorchFileError(archiveName, 'is not a usable archive name', {
        advice: 'Use the stem of the file name.',
      })
    this.#folder = archiveName
    this.#sink = sink
  }

  async #emit(bytes: Uint8Array): Promise<void> {
    this.#offset += bytes.length
    if (this.#offset > MAX_ARCHIVE_BYTES)
      throw new TorchFileError(this.#folder, 'would be larger than 4 GiB', {
        advice: 'Use fewer sequences per file.',
      })
    await this.#sink(bytes)
  }

  /**
   * Writes one stored member.
   * @param name without the archive folder
   * @param empty torch writes no data descriptor behind a member of 0 bytes, so this must be known before
   */
  async member(name: string, chunks: Iterable<Uint8Array>, empty = false): Promise<void> {
    const fullName = Buffer.from(`${this.#folder}/${name}`)
    const flags = empty ? UTF8_FLAG : UTF8_FLAG | SIZES_FOLLOW_FLAG
    const offset = this.#offset
    await this.#emit(localHeader(fullName, flags, offset))
    let crc = 0
    let size = 0
    for (const chunk of chunks) {
      crc = crc32(chunk, crc)
      size += chunk.length
      await this.#emit(chunk)
    }
    if (!empty) {
      const descriptor = new DataView(new ArrayBuffer(16))
      descriptor.setUint32(0, 0x08074b50, true)
      descriptor.setUint32(4, crc, true)
      descriptor.setUint32(8, size, true)
      descriptor.setUint32(12, size, true)
      await this.#emit(new Uint8Array(descriptor.buffer))
    }
    this.#names.push(name)
    this.#written.push({ name: fullName, flags, crc32: crc, size, offset })
  }

  /** Writes the serialization id (computed as torch does unless given), the directory and the end records. */
  async finish(givenId?: string): Promise<void> {
    const crcs = this.#written.filter(({ size }) => size > 0).map((member) => member.crc32)
    const id = givenId ?? serializationId(this.#names, crcs)
    await this.member('.data/serialization_id', [new TextEncoder().encode(id)])
    const start = this.#offset
    // Entries are joined before they reach the sink: a file may have 10,000 of 70 bytes.
    await this.#emit(Buffer.concat(this.#written.map(centralEntry)))
    await this.#emit(endRecords(this.#written.length, start, this.#offset - start))
  }
}

function localHeader(name: Uint8Array, flags: number, offset: number): Uint8Array {
  const unpadded = offset + 30 + name.length + 4
  const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT
  const bytes = new Uint8Array(30 + name.length + 4 + padding)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x04034b50, true)
  view.setUint16(6, flags, true)
  view.setUint16(26, name.length, true)
  view.setUint16(28, 4 + padding, true)
  bytes.set(name, 30)
  const extra = 30 + name.length
  bytes[extra] = 0x46 // 'F'
  bytes[extra + 1] = 0x42 // 'B'
  view.setUint16(extra + 2, padding, true)
  bytes.fill(PADDING, extra + 4)
  return bytes
}

function centralEntry(member: Written): Uint8Array {
  const bytes = new Uint8Array(46 + member.name.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x02014b50, true)
  view.setUint16(8, member.flags, true)
  view.setUint32(16, member.crc32, true)
  view.setUint32(20, member.size, true)
  view.setUint32(24, member.size, true)
  view.setUint16(28, member.name.length, true)
  view.setUint32(42, member.offset, true)
  bytes.set(member.name, 46)
  return bytes
}

/** zip64 end record, its locator and the plain end record; torch always writes all three. */
function endRecords(members: number, directoryOffset: number, directoryBytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(56 + 20 + 22))
  view.setUint32(0, 0x06064b50, true)
  view.setBigUint64(4, 44n, true)
  view.setUint16(12, 0x031e, true)
  view.setUint16(14, 45, true)
  view.setBigUint64(24, BigInt(members), true)
  view.setBigUint64(32, BigInt(members), true)
  view.setBigUint64(40, BigInt(directoryBytes), true)
  view.setBigUint64(48, BigInt(directoryOffset), true)
  view.setUint32(56, 0x07064b50, true)
  view.setBigUint64(64, BigInt(directoryOffset + directoryBytes), true)
  view.setUint32(72, 1, true)
  view.setUint32(76, 0x06054b50, true)
  view.setUint16(84, Math.min(members, 0xffff), true)
  view.setUint16(86, Math.min(members, 0xffff), true)
  view.setUint32(88, directoryBytes, true)
  view.setUint32(92, directoryOffset, true)
  return new Uint8Array(view.buffer)
}
