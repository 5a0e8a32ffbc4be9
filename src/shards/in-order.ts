/** So many items that follow each other in one of several lists. */
export interface Stretch<List> {
  list: List
  items: number
}

/**
 * Items of several lists, stretch by stretch, some at a time and none of two stretches together. A list is read on where the stretch before it
 * was of it too; else it is opened again, so that no more than one is open.
 *
 * @param open - the items of a list from its first on
 * @throws what `short` returns for a list that ends too early
 */
export async function* inOrder<List, Item>(
  stretches: Iterable<Stretch<List>>,
  open: (list: List) => AsyncGenerator<Item[]>,
  short: (list: List) => Error,
): AsyncGenerator<{ list: List; items: Item[] }> {
  const taken = new Map<List, number>()
  let cursor: Cursor<Item> | undefined
  let current: List | undefined
  try {
    for (const { list, items: wanted } of stretches) {
      if (wanted > 0 && (cursor === undefined || current !== list)) {
        await cursor?.close()
        cursor = new Cursor(open(list))
        current = list
        await cursor.skip(taken.get(list) ?? 0)
      }
      for (let left = wanted; left > 0; ) {
        const items: Item[] = (await cursor?.take(left)) ?? []
        if (items.length === 0) throw short(list)
        yield { list, items }
        left -= items.length
      }
      taken.set(list, (taken.get(list) ?? 0) + wanted)
    }
  } finally {
    await cursor?.close()
  }
}

class Cursor<Item> {
  readonly #source: AsyncGenerator<Item[]>
  #items: Item[] = []
  #at = 0

  constructor(source: AsyncGenerator<Item[]>) {
    this.#source = source
  }

  /** The next items, at least one and at most so many; none at the end. */
  async take(most: number): Promise<Item[]> {
    while (this.#at === this.#items.length) {
      const { done, value } = await this.#source.next()
      if (done) return []
      this.#items = value
      this.#at = 0
    }
    const items = this.#items.slice(this.#at, this.#at + most)
    this.#at += items.length
    return items
  }

  async skip(items: number): Promise<void> {
    for (let left = items; left > 0; ) {
      const { length } = await this.take(left)
      if (length === 0) return
      left -= length
    }
  }

  async close(): Promise<void> {
    await this.#source.return(undefined)
  }
}
