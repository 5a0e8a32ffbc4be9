import { WORDS } from './key-filter.ts'

const FIRST_SLOTS = 1 << 12

/**
 * In which window each sequence came first, by the first 128 bits of its SHA-256, in flat memory: 30 to 40 bytes for each. That two
 * sequences have the same is out of the question.
 */
export class SeenKeys {
  #size = 0
  #keys = new Uint32Array(WORDS * FIRST_SLOTS)
  /** 0 where free. */
  #windows = new Uint32Array(FIRST_SLOTS)

  get size(): number {
    return this.#size
  }

  /** The window of a key; 0 for one that was not seen. */
  get(key: Uint32Array): number {
    return this.#windows[this.#slotOf(key)]!
  }

  /** @param window - from 1 */
  set(key: Uint32Array, window: number): void {
    if (this.#size * 5 >= this.#windows.length * 3) this.#rebuild(2 * this.#windows.length, () => true)
    this.#place(key, window)
    this.#size++
  }

  /** Forgets all keys but some. */
  keepOnly(which: (key: Uint32Array) => boolean): void {
    this.#rebuild(this.#windows.length, which)
  }

  #slotOf(key: Uint32Array): number {
    const mask = this.#windows.length - 1
    let slot = key[0]! & mask
    while (this.#windows[slot] !== 0 && !this.#isAt(slot, key)) slot = (slot + 1) & mask
    return slot
  }

  #isAt(slot: number, key: Uint32Array): boolean {
    const at = WORDS * slot
    const keys = this.#keys
    return (
      keys[at] === key[0] && keys[at + 1] === key[1] && keys[at + 2] === key[2] && keys[at + 3] === key[3]
    )
  }

  #place(key: Uint32Array, window: number): void {
    const slot = this.#slotOf(key)
    this.#keys.set(key.subarray(0, WORDS), WORDS * slot)
    this.#windows[slot] = window
  }

  #rebuild(slots: number, which: (key: Uint32Array) => boolean): void {
    const [keys, windows] = [this.#keys, this.#windows]
    this.#keys = new Uint32Array(WORDS * slots)
    this.#windows = new Uint32Array(slots)
    this.#size = 0
    for (const [slot, window] of windows.entries()) {
      const key = keys.subarray(WORDS * slot, WORDS * (slot + 1))
      if (window === 0 || !which(key)) continue
      this.#place(key, window)
      this.#size++
    }
  }
}
