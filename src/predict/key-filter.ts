/** Bits for each key: of those that are not in a filter that is full, one in 400 seems to be. */
const BITS_PER_KEY = 16
/** Keys of the first layer, and how many times more each further one has. */
const FIRST_KEYS = 1 << 16
const GROWTH = 4
/** Of these many keys the filter has 179 MB; with more, it grows no more and is wrong more often. */
const LAST_KEYS = 1 << 26
/** 32-bit words of a key: a place in the filter for each. */
export const WORDS = 4

interface Layer {
  readonly words: Uint32Array
  /** Least significant bits of a place. */
  readonly mask: number
  readonly capacity: number
  keys: number
}

/**
 * A set of keys in little memory, after B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors" (1970): a key that
 * was added is always found, and now and then one that was not. It grows by layers. A key is the first 128 bits of a SHA-256.
 */
export class KeyFilter {
  readonly #layers: Layer[] = [layerOf(FIRST_KEYS)]

  /** Bytes of memory. */
  get bytes(): number {
    return this.#layers.reduce((sum, { words }) => sum + words.byteLength, 0)
  }

  /** @param at - where the key begins */
  has(keys: Uint32Array, at = 0): boolean {
    for (const layer of this.#layers) if (isIn(layer, keys, at)) return true
    return false
  }

  add(keys: Uint32Array, at = 0): void {
    if (this.has(keys, at)) return
    let layer = this.#layers.at(-1)!
    if (layer.keys >= layer.capacity && layer.capacity < LAST_KEYS) {
      layer = layerOf(layer.capacity * GROWTH)
      this.#layers.push(layer)
    }
    for (let i = 0; i < WORDS; i++) {
      const bit = (keys[at + i]! & layer.mask) >>> 0
      layer.words[bit >>> 5]! |= 1 << (bit & 31)
    }
    layer.keys++
  }
}

function layerOf(capacity: number): Layer {
  const bits = capacity * BITS_PER_KEY
  return { words: new Uint32Array(bits / 32), mask: bits - 1, capacity, keys: 0 }
}

function isIn({ words, mask }: Layer, keys: Uint32Array, at: number): boolean {
  for (let i = 0; i < WORDS; i++) {
    const bit = (keys[at + i]! & mask) >>> 0
    if ((words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false
  }
  return true
}
