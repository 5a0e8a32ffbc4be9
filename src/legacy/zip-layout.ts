import { type FileHandle, open } from 'node:fs/promises'

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const DESCRIPTOR = 0x08074b50
const END64 = 0x06064b50
const LOCATOR = 0x07064b50
const END = 0x06054b50
const TAIL_BYTES = 56 + 20 + 22
const PADDING_FIELD = 0x4246
const MAX_DIRECTORY_BYTES = 1 << 28

/**
 * Checks every byte of a zip file that no checksum covers: headers, padding, end records, and that members follow
 * each other without gaps, as torch.save writes them. Together with the checksums of the members, a change of any
 * one byte is noticed. Holds the directory and one header in memory.
 *
 * @returns what is wrong; undefined for a file laid out as torch does, and for one that is no zip file at all
 */
export async function zipLayoutProblem(path: string): Promise<string | undefined> {
  const handle = await open(path, 'r')
  try {
    const bytes = new Bytes(handle, (await handle.stat()).size)
    const head = await bytes.at(0, 4)
    if (head?.getUint32(0, true) !== LOCAL) return undefined
    return await new Layout(bytes).problem()
  } finally {
    await handle.close()
  }
}

/** Bytes read ahead: what follows the data of a member, its descriptor and the next header, is one read. */
const WINDOW = 4096

/** Reads by position; small pieces that lie together are one system call. */
class Bytes {
  readonly size: number
  readonly #handle: FileHandle
  #window = new Uint8Array(0)
  #start = 0

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.size = size
  }

  /** Undefined where the file does not reach that far. */
  async at(offset: number, length: number): Promise<DataView | undefined> {
    if (offset < 0 || offset + length > this.size) return undefined
    const known = offset >= this.#start && offset + length <= this.#start + this.#window.length
    if (!known) {
      this.#window = await this.#read(offset, Math.min(Math.max(length, WINDOW), this.size - offset))
      this.#start = offset
      if (this.#window.length < length) return undefined
    }
    return new DataView(this.#window.buffer, offset - this.#start, length)
  }

  async #read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, offset + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  }
}

interface Directory {
  entries: number
  offset: number
  bytes: number
}

/** Fields that are the same in all members of a file; a changed one stands out. */
type Common = [needed: number, method: number, time: number, date: number]

class Layout {
  readonly #bytes: Bytes
  #common: Common | undefined

  constructor(bytes: Bytes) {
    this.#bytes = bytes
  }

  async problem(): Promise<string | undefined> {
    const directory = await this.#end()
    if (typeof directory === 'string') return directory
    if (directory.bytes > MAX_DIRECTORY_BYTES) return 'its zip directory is too large'
    const view = await this.#bytes.at(directory.offset, directory.bytes)
    if (view === undefined) return 'its zip directory is cut off'
    let at = 0
    let free = 0
    for (let entry = 0; entry < directory.entries; entry++) {
      if (at + 46 > view.byteLength || view.getUint32(at, true) !== CENTRAL)
        return `entry ${entry} of its zip directory is damaged`
      const next = at + 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true)
      if (next > view.byteLength) return `entry ${entry} of its zip directory is damaged`
      const end = await this.#member(new DataView(view.buffer, view.byteOffset + at, next - at), free)
      if (typeof end === 'string') return `${end} of entry ${entry} is damaged`
      free = end
      at = next
    }
    if (at !== view.byteLength) return 'its zip directory has bytes too many'
    return free === directory.offset ? undefined : 'there are bytes that belong to no member'
  }

  /** Reads the three end records, whose every field is known from the others. */
  async #end(): Promise<Directory | string> {
    const wrong = 'its zip end records are damaged'
    const start = this.#bytes.size - TAIL_BYTES
    const view = start < 0 ? undefined : await this.#bytes.at(start, TAIL_BYTES)
    if (view === undefined) return 'it is cut off'
    const u16 = (at: number) => view.getUint16(at, true)
    const u32 = (at: number) => view.getUint32(at, true)
    const u64 = (at: number) => Number(view.getBigUint64(at, true))
    const directory = { entries: u64(32), bytes: u64(40), offset: u64(48) }
    const short = (value: number, most: number) => Math.min(value, most)
    const whole =
      u32(0) === END64 &&
      u64(4) === 44 &&
      u16(12) === 0x031e &&
      u16(14) === 45 &&
      u64(16) === 0 &&
      u64(24) === directory.entries &&
      directory.offset + directory.bytes === start &&
      u32(56) === LOCATOR &&
      u32(60) === 0 &&
      u64(64) === start &&
      u32(72) === 1 &&
      u32(76) === END &&
      u32(80) === 0 &&
      u16(84) === short(directory.entries, 0xffff) &&
      u16(86) === u16(84) &&
      u32(88) === short(directory.bytes, 0xffffffff) &&
      u32(92) === short(directory.offset, 0xffffffff) &&
      u16(96) === 0
    return whole ? directory : wrong
  }

  /** @returns where the next member must begin, or the name of what is damaged */
  async #member(central: DataView, start: number): Promise<number | string> {
    const u16 = (at: number) => central.getUint16(at, true)
    const u32 = (at: number) => central.getUint32(at, true)
    const nameBytes = u16(28)
    const common: Common = [u16(6), u16(10), u16(12), u16(14)]
    this.#common ??= common
    const directoryEntry = 'the directory'
    if (common.some((value, i) => value !== this.#common?.[i]) || common[1] !== 0) return directoryEntry
    // Version made by, comment, disk, attributes: torch leaves them all 0.
    if (u16(4) !== 0 || u16(32) !== 0 || u32(34) !== 0 || u32(38) !== 0) return directoryEntry
    const empty = u32(24) === 0
    if ((u16(8) & ~8) !== 0x0800 || (!empty && u16(8) !== 0x0808)) return directoryEntry
    const long = central.byteLength > 46 + nameBytes ? zip64Values(central, 46 + nameBytes) : []
    if (long === undefined) return directoryEntry
    const [size, packed, offset] = [u32(24), u32(20), u32(42)].map((value) =>
      value === 0xffffffff ? Number(long.shift() ?? -1) : value,
    ) as [number, number, number]
    if (size !== packed || offset !== start || long.length > 0) return directoryEntry

    const header = await this.#bytes.at(start, 30)
    const local = header && (await this.#bytes.at(start, 30 + nameBytes + header.getUint16(28, true)))
    if (local === undefined || !this.#localAgrees(local, central, nameBytes)) return 'the header'
    const end = start + local.byteLength + size
    if ((u16(8) & 8) === 0) return end
    const words = size > 0xffffffff || offset > 0xffffffff ? 24 : 16
    const descriptor = await this.#bytes.at(end, words)
    const sizes = (view: DataView) =>
      words === 16
        ? [view.getUint32(8, true), view.getUint32(12, true)]
        : [Number(view.getBigUint64(8, true)), Number(view.getBigUint64(16, true))]
    const agrees =
      descriptor?.getUint32(0, true) === DESCRIPTOR &&
      descriptor.getUint32(4, true) === u32(16) &&
      sizes(descriptor).every((value) => value === size)
    return agrees ? end + words : 'the data descriptor'
  }

  #localAgrees(local: DataView, central: DataView, nameBytes: number): boolean {
    const follows = (central.getUint16(8, true) & 8) !== 0
    const same = [
      [6, 4],
      [8, 6],
      [10, 8],
      [12, 10],
      [14, 12],
    ].every(([there = 0, here = 0]) => local.getUint16(here, true) === central.getUint16(there, true))
    const sums = [14, 18, 22].every(
      (at) => local.getUint32(at, true) === (follows ? 0 : central.getUint32(at + 2, true)),
    )
    if (local.getUint32(0, true) !== LOCAL || !same || !sums) return false
    if (local.getUint16(26, true) !== nameBytes) return false
    for (let i = 0; i < nameBytes; i++) {
      if (local.getUint8(30 + i) !== central.getUint8(46 + i)) return false
    }
    return paddingIsWhole(local, 30 + nameBytes)
  }
}

/** The one extra field of a local header fills it with `Z` up to the next multiple of 64. */
function paddingIsWhole(view: DataView, start: number): boolean {
  for (let at = start; at < view.byteLength; ) {
    if (at + 4 > view.byteLength) return false
    const [id, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)]
    if (id !== PADDING_FIELD && id !== 1) return false
    const end = at + 4 + length
    if (end > view.byteLength) return false
    if (id === PADDING_FIELD) {
      for (let i = at + 4; i < end; i++) if (view.getUint8(i) !== 0x5a) return false
    }
    at = end
  }
  return true
}

/** The sizes and the offset that do not fit 32 bits (APPNOTE.TXT 4.5.3). */
function zip64Values(view: DataView, at: number): bigint[] | undefined {
  const length = view.byteLength - at - 4
  if (length < 8 || length % 8 !== 0 || view.getUint16(at, true) !== 1) return undefined
  if (view.getUint16(at + 2, true) !== length) return undefined
  return Array.from({ length: length / 8 }, (_, i) => view.getBigUint64(at + 4 + 8 * i, true))
}
