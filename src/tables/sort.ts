import { writeAtomically } from '../system/atomic.ts'
import { removeFile } from '../system/kept-files.ts'
import { type ChunkCall, combineCalls } from './consensus.ts'
import { linesOf } from './lines.ts'
import { compareCodePoints } from './pandas.ts'

/** Rows kept in memory before a sorted run goes to disk: some 100 bytes each, so about 50 MB. */
const RUN_ROWS = 500_000
/** Rows that are handed on at a time. */
const SOME_ROWS = 4096
const SURROGATE = /[\ud800-\udfff]/

type Compare = (a: string, b: string) => number

/**
 * Sorts chunk calls by id, as the original's table is sorted, in bounded memory: sorted runs are spilled to files
 * and merged. Calls with the same id come out as one.
 */
export class ChunkCallSorter {
  readonly #spillPath: (run: number) => string
  readonly #runRows: number
  #rows: ChunkCall[] = []
  #runs: string[] = []
  /** Where no id has a surrogate, JavaScript's own order is that of code points, and far faster. */
  #hasSurrogates = false

  /** @param spillPath - names the file of the n-th spilled run */
  constructor(spillPath: (run: number) => string, runRows: number = RUN_ROWS) {
    this.#spillPath = spillPath
    this.#runRows = runRows
  }

  async add(calls: readonly ChunkCall[]): Promise<void> {
    for (const call of calls) {
      this.#hasSurrogates ||= SURROGATE.test(call.id)
      this.#rows.push(call)
      if (this.#rows.length >= this.#runRows) await this.#spill()
    }
  }

  get #compare(): Compare {
    return this.#hasSurrogates ? compareCodePoints : compareUnits
  }

  #sortRows(): void {
    const compare = this.#compare
    this.#rows.sort((a, b) => compare(a.id, b.id))
  }

  async #spill(): Promise<void> {
    const path = this.#spillPath(this.#runs.length)
    this.#sortRows()
    await writeAtomically(path, async (file) => {
      for (let at = 0; at < this.#rows.length; at += SOME_ROWS) {
        const some = this.#rows.slice(at, at + SOME_ROWS)
        await file.write(some.map(({ id, others, viral }) => `${id}\t${others}\t${viral}\n`).join(''))
      }
    })
    this.#runs.push(path)
    this.#rows = []
  }

  /** All calls in order of their ids, some at a time. Usable once. */
  async *sorted(): AsyncGenerator<ChunkCall[]> {
    this.#sortRows()
    let held: ChunkCall | undefined
    for await (const some of this.#merged()) {
      const calls: ChunkCall[] = []
      for (const call of some) {
        if (held?.id === call.id) held = combineCalls(held, call)
        else {
          if (held !== undefined) calls.push(held)
          held = call
        }
      }
      yield calls
    }
    if (held !== undefined) yield [held]
  }

  async *#merged(): AsyncGenerator<ChunkCall[]> {
    if (this.#runs.length === 0) {
      yield this.#rows
      return
    }
    // A run that was spilled before the first surrogate was seen has none, so that its order is the same.
    const heap = new CursorHeap(this.#compare)
    for (const source of [...this.#runs.map(readRun), inMemory(this.#rows)]) await heap.push(source)
    let some: ChunkCall[] = []
    while (!heap.isEmpty) {
      some.push(heap.least)
      if (!heap.advance()) await heap.refill()
      if (some.length < SOME_ROWS) continue
      yield some
      some = []
    }
    yield some
  }

  /** Removes the spilled runs. */
  async close(): Promise<void> {
    for (const path of this.#runs) await removeFile(path)
    this.#runs = []
  }
}

function compareUnits(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

async function* inMemory(rows: ChunkCall[]): AsyncGenerator<ChunkCall[]> {
  yield rows
}

async function* readRun(path: string): AsyncGenerator<ChunkCall[]> {
  for await (const lines of linesOf(path)) yield lines.map(parseRow)
}

function parseRow(line: string): ChunkCall {
  const [id = '', othersText, viralText] = line.split('\t')
  const [others, viral] = [Number(othersText), Number(viralText)]
  return { id, others, viral, virus: viral >= others }
}

/** Sorted rows, some at a time, and the place of the smallest that is left. */
interface Cursor {
  rows: readonly ChunkCall[]
  at: number
  rest: AsyncGenerator<ChunkCall[]>
}

/** The sorted sources, the one with the smallest head on top. */
class CursorHeap {
  readonly #cursors: Cursor[] = []
  readonly #compareIds: Compare

  constructor(compare: Compare) {
    this.#compareIds = compare
  }

  get isEmpty(): boolean {
    return this.#cursors.length === 0
  }

  /** The smallest row of all. */
  get least(): ChunkCall {
    return headOf(this.#cursors[0] as Cursor)
  }

  async push(rest: AsyncGenerator<ChunkCall[]>): Promise<void> {
    const rows = await nextRows(rest)
    if (rows === undefined) return
    this.#cursors.push({ rows, at: 0, rest })
    for (let at = this.#cursors.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1
      if (this.#compare(parent, at) <= 0) break
      this.#swap(parent, at)
      at = parent
    }
  }

  /** Goes on behind the smallest row; false when its source has to be read first, see {@link refill}. */
  advance(): boolean {
    const top = this.#cursors[0] as Cursor
    top.at++
    if (top.at === top.rows.length) return false
    this.#sink()
    return true
  }

  /** Reads on in the source of the smallest row, of which nothing is left in memory. */
  async refill(): Promise<void> {
    const top = this.#cursors[0] as Cursor
    const rows = await nextRows(top.rest)
    if (rows !== undefined) {
      top.rows = rows
      top.at = 0
    } else {
      const last = this.#cursors.pop() as Cursor
      if (this.#cursors.length === 0) return
      this.#cursors[0] = last
    }
    this.#sink()
  }

  #sink(): void {
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#cursors.length && this.#compare(child, least) < 0) least = child
      }
      if (least === at) return
      this.#swap(least, at)
      at = least
    }
  }

  #compare(a: number, b: number): number {
    return this.#compareIds(headOf(this.#cursors[a] as Cursor).id, headOf(this.#cursors[b] as Cursor).id)
  }

  #swap(a: number, b: number): void {
    const held = this.#cursors[a] as Cursor
    this.#cursors[a] = this.#cursors[b] as Cursor
    this.#cursors[b] = held
  }
}

function headOf({ rows, at }: Cursor): ChunkCall {
  return rows[at] as ChunkCall
}

/** Undefined at the end. */
async function nextRows(source: AsyncGenerator<ChunkCall[]>): Promise<ChunkCall[] | undefined> {
  for (;;) {
    const { done, value } = await source.next()
    if (done) return undefined
    if (value.length > 0) return value
  }
}
