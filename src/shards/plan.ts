import { type FileHandle, open } from 'node:fs/promises'
import { AtomicFile } from '../system/atomic.ts'

/** What is known of a record before it has a shard. */
export interface Extent {
  bases: number
  /** As FASTA. */
  bytes: number
  /** Whether it is in no other shard than the record before it. */
  isJoined: boolean
}

/** Two numbers of eight bytes. */
const ENTRY_NUMBERS = 2
const BLOCK_ENTRIES = 1 << 14

/** The records of an input by their sizes, in a file. */
export class Extents implements AsyncDisposable {
  readonly path: string
  readonly #file: AtomicFile
  readonly #block = new Float64Array(ENTRY_NUMBERS * BLOCK_ENTRIES)
  #used = 0

  private constructor(path: string, file: AtomicFile) {
    this.path = path
    this.#file = file
  }

  static async create(path: string): Promise<Extents> {
    return new Extents(path, await AtomicFile.create(path))
  }

  /** A record; one that was left out and has a mate takes a place without bytes. */
  async add({ bases, bytes, isJoined }: Extent): Promise<void> {
    this.#block[this.#used++] = bases
    this.#block[this.#used++] = isJoined ? -bytes : bytes
    if (this.#used === this.#block.length) await this.#flush()
  }

  async #flush(): Promise<void> {
    await this.#file.write(new Uint8Array(this.#block.buffer, 0, 8 * this.#used))
    this.#used = 0
  }

  async finish(): Promise<void> {
    await this.#flush()
    await this.#file.commit()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Extent> {
    await using file: FileHandle = await open(this.path)
    const block = new Float64Array(ENTRY_NUMBERS * BLOCK_ENTRIES)
    const bytes = new Uint8Array(block.buffer)
    for (;;) {
      let filled = 0
      while (filled < bytes.length) {
        const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, null)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      for (let at = 0; at < filled / 8; at += ENTRY_NUMBERS) {
        const signed = block[at + 1] as number
        yield { bases: block[at] as number, bytes: Math.abs(signed), isJoined: signed < 0 }
      }
      if (filled < bytes.length) return
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }
}

/** What of an input belongs to one shard. */
export interface Piece {
  input: number
  records: number
  bases: number
  /** In the text of the input, as FASTA. */
  start: number
  bytes: number
}

export type Size = { shards: number } | { bases: number }

/** More would fill a folder so that tools no longer cope. */
export const MOST_SHARDS = 100_000

/**
 * Cuts inputs into shards, in their order: so many of nearly equal bases, or each of at most so many bases, unless a single
 * record or two mates have more.
 *
 * @param groups - inputs by number; those of mates in one group, whose records of the same number stay together
 * @returns for each shard its pieces in the order of the inputs; undefined for more shards than there may be
 */
export async function planShards(
  inputs: readonly Extents[],
  groups: readonly (readonly number[])[],
  totalBases: number,
  size: Size,
): Promise<Piece[][] | undefined> {
  const shards: Piece[][] = 'shards' in size ? Array.from({ length: size.shards }, () => []) : [[]]
  const starts = inputs.map(() => 0)
  const cutter = 'shards' in size ? evenly(size.shards, totalBases) : upTo(size.bases)
  for (const group of groups) {
    for await (const unit of unitsOf(group.map((input) => inputs[input] as Extents))) {
      const number = cutter(unit.reduce((sum, { bases }) => sum + bases, 0))
      if (number >= MOST_SHARDS) return undefined
      const shard = shards[number] ?? []
      shards[number] = shard
      for (const [at, extent] of unit.entries()) {
        const input = group[at] as number
        addTo(shard, input, starts[input] as number, extent)
        starts[input] = (starts[input] as number) + extent.bytes
      }
    }
  }
  for (const pieces of shards) pieces.sort((a, b) => a.input - b.input)
  return shards
}

/** How much of each input of a group stays together. */
interface UnitPart {
  records: number
  bases: number
  bytes: number
}

/** Records, with those that belong to them: mates that follow each other, and those of the other inputs of the group. */
async function* unitsOf(group: readonly Extents[]): AsyncGenerator<UnitPart[]> {
  const readers = group.map((extents) => extents[Symbol.asyncIterator]())
  let unit: UnitPart[] | undefined
  for (;;) {
    const next = await Promise.all(readers.map((reader) => reader.next()))
    if (next.every(({ done }) => done)) break
    const extents = next.map(({ value }) => value as Extent | undefined)
    if (unit !== undefined && !extents.some((extent) => extent?.isJoined)) {
      yield unit
      unit = undefined
    }
    unit ??= extents.map(() => ({ records: 0, bases: 0, bytes: 0 }))
    for (const [at, extent] of extents.entries()) {
      const part = unit[at] as UnitPart
      if (extent === undefined || extent.bytes === 0) continue
      part.records++
      part.bases += extent.bases
      part.bytes += extent.bytes
    }
  }
  if (unit !== undefined) yield unit
}

function addTo(shard: Piece[], input: number, start: number, { records, bases, bytes }: UnitPart): void {
  if (records === 0) return
  let piece = shard.findLast((each) => each.input === input)
  if (piece === undefined) {
    piece = { input, records: 0, bases: 0, start, bytes: 0 }
    shard.push(piece)
  }
  piece.records += records
  piece.bases += bases
  piece.bytes += bytes
}

/** Gives each unit the number of its shard, from 0, by where its middle lies in the whole. */
function evenly(shards: number, total: number): (bases: number) => number {
  let before = 0
  // Without a base there is no middle.
  if (total === 0) return () => 0
  return (bases) => {
    const middle = before + bases / 2
    before += bases
    return Math.min(shards - 1, Math.floor((middle / total) * shards))
  }
}

function upTo(most: number): (bases: number) => number {
  let number = 0
  let filled = 0
  return (bases) => {
    if (filled > 0 && filled + bases > most) {
      number++
      filled = 0
    }
    filled += bases
    return number
  }
}
