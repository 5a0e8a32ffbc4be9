import { type FileHandle, open } from 'node:fs/promises'
import { writeAtomically } from '../system/atomic.ts'
import { orClose } from '../system/or-close.ts'
import { unlessMissing } from '../system/system-error.ts'
import { encodeEntry, journalHeader, KEY_BYTES, readJournal } from './journal-format.ts'
import { KeyIndex } from './key-index.ts'

/** An embedding of an old run, with what was embedded; undefined where the old run does not say it. */
export interface KnownVector {
  model: string
  vector: Float32Array
  sequence: Uint8Array | undefined
}

/**
 * Embeddings taken over from a run of the original or of Broad's fork, in a file of our own: the old files may be
 * replaced while the run goes on.
 *
 * The old run says which sequence a vector belongs to: its own part FASTA, by the vector's id. From then on only
 * that sequence counts. A vector without such a sequence is not taken.
 */
export class AdoptedVectors implements AsyncDisposable {
  readonly path: string
  readonly #file: FileHandle
  readonly #models = new Map<string, { dimension: number; index: KeyIndex }>()

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.#file = file
  }

  /**
   * Copies the vectors of an old run; the file appears whole or not at all.
   * @returns vectors taken and vectors left out because their sequence is not known
   */
  static async copy(
    path: string,
    models: string,
    source: AsyncIterable<readonly KnownVector[]>,
  ): Promise<{ taken: number; unknown: number }> {
    const counts = { taken: 0, unknown: 0 }
    await writeAtomically(path, async (sink) => {
      await sink.write(journalHeader(models))
      for await (const vectors of source) {
        for (const { model, vector, sequence } of vectors) {
          if (sequence === undefined || sequence.length === 0) {
            counts.unknown++
            continue
          }
          counts.taken++
          const keys = new Uint8Array(KEY_BYTES)
          Bun.SHA256.hash(sequence, keys)
          const entry = { model, keys, vectors: vector.slice(), dimension: vector.length }
          for (const piece of encodeEntry(entry)) await sink.write(piece)
        }
      }
    })
    return counts
  }

  /** The vectors that `copy` left; undefined where there are none, or of other models. */
  static async open(path: string, models: string): Promise<AdoptedVectors | undefined> {
    const file = await open(path, 'r').catch(unlessMissing(path))
    if (file === undefined) return undefined
    const adopted = new AdoptedVectors(path, file)
    await orClose(file, async () => {
      await readJournal(file, models, ({ model, keys, vectors, dimension }, { end }) => {
        const known = adopted.#models.get(model) ?? { dimension, index: new KeyIndex() }
        adopted.#models.set(model, known)
        if (known.dimension === dimension) known.index.add(keys, end - vectors.byteLength)
      })
    })
    return adopted
  }

  /** The vector of a sequence, by its key; undefined where there is none. */
  async find(model: string, key: Uint8Array): Promise<Float32Array | undefined> {
    const known = this.#models.get(model)
    if (known === undefined) return undefined
    const bytes = Buffer.alloc(KEY_BYTES + 4 * known.dimension)
    for (const vectorsAt of known.index.find(key)) {
      // The key lies right before its vector: entries have one of each.
      const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, vectorsAt - KEY_BYTES)
      if (bytesRead < bytes.length || !bytes.subarray(0, KEY_BYTES).equals(key)) continue
      const vector = new Float32Array(known.dimension)
      new Uint8Array(vector.buffer).set(bytes.subarray(KEY_BYTES))
      return vector
    }
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close().catch(() => {})
  }
}
