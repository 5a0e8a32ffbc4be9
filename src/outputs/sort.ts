import { createReadStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { writeAtomically } from '../system/index.ts'
import { type ChunkCall, combineCalls } from './consensus.ts'
import { compareCodePoints } from './pandas.ts'

/** Rows kept in memory before a sorted run goes to disk: some 100 bytes each, so about 50 MB. */
const RUN_ROWS = 500_000

/**
 * Sorts chunk calls by id, as the original's table is sorted, in bounded memory: sorted runs are spilled to files
 * and merged. Calls with the same id come out as one.
 */
export class ChunkCallSorter {
  readonly #spillPath: (run: number) => string
  readonly #runRows: number
  #rows: ChunkCall[] = []
  #runs: string[] = []

  /** @param spillPath - names the file of the n-th spilled run */
  constructor(spillPath: (run: number) => string, runRows: number = RUN_ROWS) {
    this.#spillPath = spillPath
    this.#runRows = runRows
  }

  async add(call: ChunkCall): Promise<void> {
    this.#rows.push(call)
    if (this.#rows.length >= this.#runRows) await this.#spill()
  }

  async #spill(): Promise<void> {
    const path = this.#spillPath(this.#runs.length)
    await mkdir(dirname(path), { recursive: true })
    this.#rows.sort(byId)
    await writeAtomically(path, async (file) => {
      for (const row of this.#rows) await file.write(`${row.id}\t${row.others}\t${row.viral}\n`)
    })
    this.#runs.push(path)
    this.#rows = []
  }

  /** All calls in order of their ids. Usable once. */
  async *sorted(): AsyncGenerator<ChunkCall> {
    this.#rows.sort(byId)
    let held: ChunkCall | undefined
    for await (const call of this.#runs.length === 0 ? this.#rows : this.#merged()) {
      if (held?.id === call.id) held = combineCalls(held, call)
      else {
        if (held !== undefined) yield held
        held = call
      }
    }
    if (held !== undefined) yield held
  }

  async *#merged(): AsyncGenerator<ChunkCall> {
    const heap = new CursorHeap()
    for (const source of [...this.#runs.map(readRun), toAsync(this.#rows)]) await heap.push(source)
    for (let call = await heap.pop(); call !== undefined; call = await heap.pop()) yield call
  }

  /** Removes the spilled runs. */
  async close(): Promise<void> {
    for (const path of this.#runs) await rm(path, { force: true })
    this.#runs = []
  }
}

function byId(a: ChunkCall, b: ChunkCall): number {
  return compareCodePoints(a.id, b.id)
}

async function* toAsync(rows: ChunkCall[]): AsyncGenerator<ChunkCall> {
  yield* rows
}

async function* readRun(path: string): AsyncGenerator<ChunkCall> {
  for await (const line of createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    const [id = '', others, viral] = line.split('\t')
    const call = { id, others: Number(others), viral: Number(viral) }
    yield { ...call, virus: call.viral >= call.others }
  }
}

interface Cursor {
  head: ChunkCall
  rest: AsyncGenerator<ChunkCall>
}

/** The sorted sources, the one with the smallest head on top. */
class CursorHeap {
  readonly #cursors: Cursor[] = []

  async push(rest: AsyncGenerator<ChunkCall>): Promise<void> {
    const first = await rest.next()
    if (first.done) return
    this.#cursors.push({ head: first.value, rest })
    for (let at = this.#cursors.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1
      if (this.#compare(parent, at) <= 0) break
      this.#swap(parent, at)
      at = parent
    }
  }

  async pop(): Promise<ChunkCall | undefined> {
    const top = this.#cursors[0]
    if (top === undefined) return undefined
    const call = top.head
    const next = await top.rest.next()
    if (next.done) {
      const last = this.#cursors.pop() as Cursor
      if (this.#cursors.length === 0) return call
      this.#cursors[0] = last
    } else top.head = next.value
    this.#sink()
    return call
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
    return byId((this.#cursors[a] as Cursor).head, (this.#cursors[b] as Cursor).head)
  }

  #swap(a: number, b: number): void {
    const held = this.#cursors[a] as Cursor
    this.#cursors[a] = this.#cursors[b] as Cursor
    this.#cursors[b] = held
  }
}
