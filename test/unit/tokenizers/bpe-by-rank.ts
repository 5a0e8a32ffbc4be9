import type { BpeTable, EncodeWord } from '../../../src/tokenizers/bpe.ts'

/** A queue entry is rank * POSITIONS + position: one number that orders by rank, then from left to right. */
const POSITIONS = 2 ** 32
const GONE = -1

/**
 * Byte-pair encoding by its definition: of all pairs of neighbours that may merge, the lowest rank goes first and among
 * equals the leftmost. A linked list and a heap keep it at n log n for words of any length. What `mergesByMatch` must agree with.
 */
export function mergesByRank({ texts, symbols, merges }: BpeTable): EncodeWord {
  const ranks = new Map(merges.map(({ left, right }, rank) => [`${left} ${right}`, rank]))
  const symbolOf = new Int32Array(256)
  for (const id of symbols) symbolOf[texts.get(id)!.charCodeAt(0)] = id

  let ids = new Int32Array(0)
  let previous = new Int32Array(0)
  let next = new Int32Array(0)
  let queue = new Float64Array(0)
  let queued = 0

  return function encodeWord(bytes, start, end, out, offset) {
    const length = end - start
    reserve(length)
    for (let i = 0; i < length; i++) {
      ids[i] = symbolOf[bytes[start + i]!]!
      previous[i] = i - 1
      next[i] = i + 1
    }
    queued = 0
    for (let i = 0; i + 1 < length; i++) consider(i, i + 1)
    while (queued > 0) {
      const entry = pop()
      const rank = Math.floor(entry / POSITIONS)
      const at = entry % POSITIONS
      const after = next[at]!
      // An entry outlives its pair when one of the two has merged with another neighbour since.
      if (ids[at] === GONE || after >= length || (ranks.get(`${ids[at]!} ${ids[after]!}`) ?? -1) !== rank)
        continue
      ids[at] = merges[rank]!.merged
      ids[after] = GONE
      next[at] = next[after]!
      if (next[at]! < length) {
        previous[next[at]!] = at
        consider(at, next[at]!)
      }
      if (previous[at]! >= 0) consider(previous[at]!, at)
    }
    for (let i = 0; i < length; i = next[i]!) out[offset++] = ids[i]!
    return offset
  }

  function reserve(length: number) {
    if (ids.length >= length) return
    ids = new Int32Array(2 * length)
    previous = new Int32Array(2 * length)
    next = new Int32Array(2 * length)
    // Each of the length - 1 first pairs, and two for each of at most length - 1 merges.
    queue = new Float64Array(6 * length)
  }

  function consider(at: number, after: number) {
    const rank = ranks.get(`${ids[at]!} ${ids[after]!}`) ?? -1
    if (rank >= 0) push(rank * POSITIONS + at)
  }

  function push(entry: number) {
    let slot = queued++
    while (slot > 0) {
      const parent = (slot - 1) >> 1
      if (queue[parent]! <= entry) break
      queue[slot] = queue[parent]!
      slot = parent
    }
    queue[slot] = entry
  }

  function pop(): number {
    const first = queue[0]!
    const moved = queue[--queued]!
    let slot = 0
    for (;;) {
      let child = 2 * slot + 1
      if (child >= queued) break
      if (child + 1 < queued && queue[child + 1]! < queue[child]!) child++
      if (queue[child]! >= moved) break
      queue[slot] = queue[child]!
      slot = child
    }
    queue[slot] = moved
    return first
  }
}
