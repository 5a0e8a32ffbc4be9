import { Journal } from './journal.ts'
import { type EntryPlace, KEY_BYTES } from './journal-format.ts'
import { KeyIndex } from './key-index.ts'

/**
 * Embeddings that a run needs again, in a file of its own. Each is an entry of a journal by itself, with its checksum: what a process
 * that is killed leaves torn, and what was damaged since, is as if it had not been kept. Memory holds 16 to 32 bytes for each.
 */
export class VectorStore implements AsyncDisposable {
  readonly #journal: Journal
  readonly #models: Map<string, Entries>

  private constructor(journal: Journal, models: Map<string, Entries>) {
    this.#journal = journal
    this.#models = models
  }

  /**
   * Opens what an earlier start has kept, or begins.
   *
   * @param models - digest of the models; what others made is not there
   * @throws WriteError
   */
  static async open(path: string, models: string): Promise<VectorStore> {
    const found = new Map<string, Entries>()
    const journal = await Journal.open(path, models, ({ model, keys }, at) => {
      if (keys.length === KEY_BYTES) entriesOf(found, model).add(keys, at)
    })
    return new VectorStore(journal, found)
  }

  get path(): string {
    return this.#journal.path
  }

  /** @param key - SHA-256 of the sequence */
  has(model: string, key: Uint8Array): boolean {
    return this.#models.get(model)?.find(key).next().done === false
  }

  /**
   * @param vector - [dimension], of as many numbers as all of the model
   * @throws WriteError
   */
  put(model: string, key: Uint8Array, vector: Float32Array): void {
    const at = this.#journal.append({ model, keys: key, vectors: vector, dimension: vector.length })
    entriesOf(this.#models, model).add(key, at)
  }

  /** The embedding of a sequence; undefined where it is not there, or not whole any more. */
  async find(model: string, key: Uint8Array): Promise<Float32Array | undefined> {
    for (const at of this.#models.get(model)?.find(key) ?? []) {
      const entry = await this.#journal.read(at)
      if (entry?.model === model && Buffer.compare(entry.keys, key) === 0) return entry.vectors
    }
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal[Symbol.asyncDispose]()
  }
}

/** Where the entries of a model lie. All are equally long. */
class Entries {
  readonly #index = new KeyIndex()
  #size = 0

  add(key: Uint8Array, { start, end }: EntryPlace): void {
    if (this.#size === 0) this.#size = end - start
    if (this.#size === end - start) this.#index.add(key, start)
  }

  *find(key: Uint8Array): Generator<EntryPlace> {
    for (const start of this.#index.find(key)) yield { start, end: start + this.#size }
  }
}

function entriesOf(models: Map<string, Entries>, model: string): Entries {
  let entries = models.get(model)
  if (entries === undefined) {
    entries = new Entries()
    models.set(model, entries)
  }
  return entries
}
