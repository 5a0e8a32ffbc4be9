import { writeAtomically } from '../system/atomic.ts'
import { removeFile } from '../system/kept-files.ts'
import { linesOf } from '../system/lines.ts'
import { type ChunkCall, combineCalls } from './consensus.ts'
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
    // The one with the smallest head is the last.
    const cursors: Cursor[] = []
    for (const rest of [...this.#runs.map(readRun), inMemory(this.#rows)]) {
      const cursor = { rows: [], at: 0, rest }
      if (await refill(cursor)) insert(cursors, cursor, this.#compare)
    }
    let some: ChunkCall[] = []
    for (let least = cursors.pop(); least !== undefined; least = cursors.pop()) {
      some.push(headOf(least))
      least.at++
      if (least.at < least.rows.length || (await refill(least))) insert(cursors, least, this.#compare)
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

function headOf({ rows, at }: Cursor): ChunkCall {
  return rows[at] as ChunkCall
}

/** Reads on once all rows are used. @returns false at the end */
async function refill(cursor: Cursor): Promise<boolean> {
  for (;;) {
    const { done, value } = await cursor.rest.next()
    if (done) return false
    if (value.length === 0) continue
    cursor.rows = value
    cursor.at = 0
    return true
  }
}

/** Runs are few, so that moving them costs less than a heap. */
function insert(cursors: Cursor[], cursor: Cursor, compare: Compare): void {
  const { id } = headOf(cursor)
  let low = 0
  for (let high = cursors.length; low < high; ) {
    const middle = (low + high) >> 1
    if (compare(headOf(cursors[middle] as Cursor).id, id) > 0) low = middle + 1
    else high = middle
  }
  cursors.splice(low, 0, cursor)
}
