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

/**
 * Writes a zip file laid out as torch.save lays it out, without ever seeking back: sizes and checksums
 * follow the data. Ends at 4 GiB, where torch adds zip64 fields to members; no file of the pipeline comes near.
 */
export class TorchZipWriter {
  readonly #sink: ByteSink
  readonly #folder: string
  readonly #written: ZipMember[] = []
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
    if (this.#offset > U32_MAX)
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
    const fullName = `${this.#folder}/${name}`
    const flags = empty ? FLAG.utf8 : FLAG.utf8 | FLAG.sizesFollow
    const headerOffset = this.#offset
    const unpadded = headerOffset + BYTES.local + Buffer.byteLength(fullName) + 4
    await this.#emit(localHeader({ name: fullName, flags }, -unpadded & (ALIGNMENT - 1)))
    let crc = 0
    let size = 0
    for (const chunk of chunks) {
      crc = crc32(chunk, crc)
      size += chunk.length
      await this.#emit(chunk)
    }
    const member = { name: fullName, method: 0, flags, crc32: crc, compressedSize: size, size, headerOffset }
    if (!empty) await this.#emit(descriptor(member))
    this.#written.push(member)
  }

  /** Writes the serialization id (computed as torch does unless given), the directory and the end records. */
  async finish(givenId?: string): Promise<void> {
    const crcs = this.#written.filter(({ size }) => size > 0).map((member) => member.crc32)
    const names = this.#written.map(({ name }) => name.slice(this.#folder.length + 1))
    const id = givenId ?? serializationId(names, crcs)
    await this.member('.data/serialization_id', [new TextEncoder().encode(id)])
    const start = this.#offset
    // Entries are joined before they reach the sink: a file may have 10,000 of 70 bytes.
    await this.#emit(Buffer.concat(this.#written.map(centralEntry)))
    await this.#emit(endRecords(this.#written.length, start, this.#offset - start))
  }
}
