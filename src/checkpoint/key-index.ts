/**
 * Offsets by the first eight bytes of a key, in flat memory: 16 to 32 bytes an entry, for millions of them.
 * Two keys with the same beginning are both found; the caller compares the rest.
 */
export class KeyIndex {
  #size = 0
  #high = new Uint32Array(1 << 12)
  #low = new Uint32Array(1 << 12)
  /** 0 where free. */
  #offsets = new Float64Array(1 << 12)

  get size(): number {
    return this.#size
  }

  /** @param offset - above 0 */
  add(key: Uint8Array, offset: number): void {
    if (2 * this.#size >= this.#offsets.length) this.#grow()
    const [high, low] = prefixOf(key)
    this.#place(high, low, offset)
    this.#size++
  }

  /** Offsets of all keys that begin like this one. */
  *find(key: Uint8Array): Generator<number> {
    const [high, low] = prefixOf(key)
    const mask = this.#offsets.length - 1
    for (let slot = low & mask; this.#offsets[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.#high[slot] === high && this.#low[slot] === low) yield this.#offsets[slot] as number
    }
  }

  #place(high: number, low: number, offset: number): void {
    const mask = this.#offsets.length - 1
    let slot = low & mask
    while (this.#offsets[slot] !== 0) slot = (slot + 1) & mask
    this.#high[slot] = high
    this.#low[slot] = low
    this.#offsets[slot] = offset
  }

  #grow(): void {
    const [highs, lows, offsets] = [this.#high, this.#low, this.#offsets]
    this.#high = new Uint32Array(2 * offsets.length)
    this.#low = new Uint32Array(2 * offsets.length)
    this.#offsets = new Float64Array(2 * offsets.length)
    for (const [i, offset] of offsets.entries()) {
      if (offset !== 0) this.#place(highs[i] as number, lows[i] as number, offset)
    }
  }
}

function prefixOf(key: Uint8Array): [high: number, low: number] {
  const view = new DataView(key.buffer, key.byteOffset, 8)
  return [view.getUint32(0), view.getUint32(4)]
}
