import { hash32 } from '../system/hash.ts'

/** Which sequences of a list are the same. */
export interface Deduped {
  /** For each group of equal sequences, the place of its first one; groups in order of first appearance. */
  unique: Uint32Array
  /** For each sequence, its group. */
  groupOf: Uint32Array
}

/** Groups equal sequences, byte for byte: the hash only says where to look. */
export function dedupe(sequences: readonly Uint8Array[]): Deduped {
  const count = sequences.length
  const mask = 2 ** Math.ceil(Math.log2(2 * count + 2)) - 1
  /** Open addressing: 1 + the group, 0 where free. */
  const slots = new Uint32Array(mask + 1)
  const hashes = new Uint32Array(count)
  const unique = new Uint32Array(count)
  const groupOf = new Uint32Array(count)
  let groups = 0
  for (const [i, sequence] of sequences.entries()) {
    const hash = hash32(sequence)
    let slot = hash & mask
    for (;;) {
      const group = slots[slot]! - 1
      if (group < 0) {
        slots[slot] = groups + 1
        hashes[groups] = hash
        unique[groups] = i
        groupOf[i] = groups++
        break
      }
      if (hashes[group] === hash && equal(sequences[unique[group]!]!, sequence)) {
        groupOf[i] = group
        break
      }
      slot = (slot + 1) & mask
    }
  }
  return { unique: unique.slice(0, groups), groupOf }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
