import { crc32 } from 'node:zlib'
import { TorchFileError } from './errors.ts'
import { serializationId } from './serialization-id.ts'
import {
  BYTES,
  centralEntry,
  descriptor,
  endRecords,
  FLAG,
  localHeader,
  U32_MAX,
  type ZipMember,
} from './zip-format.ts'

/** Takes the bytes of a file in order; the chunk must be used or copied before the promise settles. */
export type ByteSink = (chunk: Uint8Array) => void | Promise<void>

/** Every member's data begins at a multiple of this, so that it can be memory-mapped. */
const ALIGNMENT = 64

/** Adds up the bytes of a zip file of stored members, without ever seeking back: sizes and checksums follow the data. */
class ZipStream {
  readonly written: ZipMember[] = []
  readonly #sink: ByteSink
  #offset = 0

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  get offset(): number {
    return this.#offset
  }

  async emit(bytes: Uint8Array): Promise<void> {
    this.#offset += bytes.length
    await this.#sink(bytes)
  }

  /** @param empty no data descriptor follows a member of 0 bytes, so this must be known before */
  async member(
    name: string,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    empty: boolean,
  ): Promise<void> {
    const flags = empty ? FLAG.utf8 : FLAG.utf8 | FLAG.sizesFollow
    const headerOffset = this.#offset
    const unpadded = headerOffset + BYTES.local + Buffer.byteLength(name) + 4
    await this.emit(localHeader({ name, flags }, -unpadded & (ALIGNMENT - 1)))
    let crc = 0
    let size = 0
    for await (const chunk of chunks) {
      crc = crc32(chunk, crc)
      size += chunk.length
      await this.emit(chunk)
    }
    const member = { name, method: 0, flags, crc32: crc, compressedSize: size, size, headerOffset }
    if (!empty) await this.emit(descriptor(member))
    this.written.push(member)
  }

  /** Writes the directory and the end records. */
  async finish(): Promise<void> {
    const start = this.#offset
    // Entries are joined before they reach the sink: a file may have 10,000 of 70 bytes.
    await this.emit(Buffer.concat(this.written.map(centralEntry)))
    await this.emit(endRecords(this.written.length, start, this.#offset - start))
  }
}

/** Writes a zip file of stored members of any size, each at a multiple of 64 bytes. */
export class ZipWriter {
  readonly #stream: ZipStream

  constructor(sink: ByteSink) {
    this.#stream = new ZipStream(sink)
  }

  /** Writes one member, which has content. */
  async member(name: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    await this.#stream.member(name, chunks, false)
  }

  /** Writes the directory and the end records. */
  async finish(): Promise<void> {
    await this.#stream.finish()
  }
}

/**
 * Writes a zip file laid out as torch.save lays it out. Ends at 4 GiB, where torch adds zip64 fields to members; no file of the
 * pipeline comes near.
 */
export class TorchZipWriter {
  readonly #stream: ZipStream
  readonly #folder: string

  constructor(archiveName: string, sink: ByteSink) {
    if (archiveName === '' || archiveName.includes('/'))
      throw new TorchFileError(archiveName, 'is not a usable archive name', {
        advice: 'Use the stem of the file name.',
      })
    this.#folder = archiveName
    this.#stream = new ZipStream((bytes) => {
      if (this.#stream.offset > U32_MAX)
        throw new TorchFileError(this.#folder, 'would be larger than 4 GiB', {
          advice: 'Use fewer sequences per file.',
        })
      return sink(bytes)
    })
  }

  /**
   * Writes one stored member.
   * @param name without the archive folder
   * @param empty torch writes no data descriptor behind a member of 0 bytes, so this must be known before
   */
  async member(name: string, chunks: Iterable<Uint8Array>, empty = false): Promise<void> {
    await this.#stream.member(`${this.#folder}/${name}`, chunks, empty)
  }

  /** Writes the serialization id (computed as torch does unless given), the directory and the end records. */
  async finish(givenId?: string): Promise<void> {
    const { written } = this.#stream
    const crcs = written.filter(({ size }) => size > 0).map((member) => member.crc32)
    const names = written.map(({ name }) => name.slice(this.#folder.length + 1))
    const id = givenId ?? serializationId(names, crcs)
    await this.member('.data/serialization_id', [new TextEncoder().encode(id)])
    await this.#stream.finish()
  }
}
