import type { HostedName } from '../bundle/index.ts'
import { keyText, type VectorStore } from '../checkpoint/index.ts'
import { TryAgainError } from '../system/errors.ts'
import { type Recurs, wordsOf } from './recurring.ts'
import { SeenKeys } from './seen-keys.ts'

export interface ReuseOptions {
  /** Numbers in an embedding of each model. */
  widthOf: (model: HostedName) => number
  /** Most bytes of embeddings to keep. */
  limit: number
  /** Looks through the whole input; without it, of an input that can be read once, everything counts as if it occurred again. */
  findRecurring?: ((signal: AbortSignal) => Promise<Recurs>) | undefined
  /** Where embeddings are kept; without it nothing is computed any more, and only what is known from where counts. */
  openStore?: (() => Promise<VectorStore>) | undefined
}

/**
 * What the windows of a run have in common: a sequence is computed in the first window that has it, and later ones take its embedding
 * from there.
 *
 * Which sequences are computed in a window depends on the input and the limit alone: of those that occur again, in the order in
 * which they come, as many are kept as the limit allows, and none of the others is. So the batches of a run that was interrupted
 * are those of one that was not. Until the whole input has been looked through, which goes on while the first windows are
 * computed, everything counts as if it occurred again: what does not is never asked for.
 */
export class Reuse implements AsyncDisposable {
  /** Whether all parts of the run are in windows that have begun, or in the next one. */
  isRead = false
  readonly #options: ReuseOptions
  readonly #seen = new Map<HostedName, SeenKeys>()
  /** Bytes of the embeddings that are to be kept. */
  #used = 0
  /** By the number of the window, resolved when what it computes is there. */
  readonly #ends: (Promise<void> | undefined)[] = []
  #search: Promise<void> | undefined
  #recurs: Recurs | undefined
  #isPruned = false
  #store: VectorStore | undefined
  /** Of the latest window: claims are answered in the order in which they are made. */
  #claims: Promise<unknown> = Promise.resolve()
  /** Why a model has no embedding of a sequence. */
  readonly #reasons = new Map<string, string>()
  readonly #closing = new AbortController()

  constructor(options: ReuseOptions) {
    this.#options = options
  }

  /**
   * Begins the next window.
   *
   * @param hasDone - an earlier start has finished a part of it: what later windows need has to be known before anything is computed
   */
  begin(hasDone: boolean): Turn {
    const number = this.#ends.length + 1
    const { promise, resolve } = Promise.withResolvers<void>()
    const forget = () => {
      this.#ends[number - 1] = undefined
    }
    this.#ends.push(promise.then(forget))
    // One that is alone has nothing to do with others.
    const isAlone = this.isRead && number === 1
    if (!this.isRead) this.#startSearch()
    return new Turn(this, { number, hasDone, isAlone, isLast: this.isRead }, resolve)
  }

  #startSearch(): void {
    const { findRecurring } = this.#options
    this.#search ??= (async () => {
      this.#recurs = findRecurring === undefined ? () => true : await findRecurring(this.#closing.signal)
    })()
    // Met by the windows that need it.
    this.#search.catch(() => {})
  }

  /** To be called when all parts have been read. Resolves when nothing reads the input for it any more, whatever became of that. */
  async endReading(): Promise<void> {
    this.isRead = true
    await this.#search?.catch(() => {})
  }

  /** @returns for each key, in order, the window that computes it; 0 where that is this one alone */
  claim(turn: TurnFacts, model: HostedName, keys: readonly Uint8Array[]): Promise<Uint32Array> {
    const answer = this.#claims.then(() => this.#answer(turn, model, keys))
    this.#claims = answer.catch(() => {})
    return answer
  }

  async #answer(turn: TurnFacts, model: HostedName, keys: readonly Uint8Array[]): Promise<Uint32Array> {
    if (turn.hasDone) await this.#search
    this.#store ??= await this.#options.openStore?.()
    this.#prune()
    const seen = this.#seenBy(model)
    const windows = new Uint32Array(keys.length)
    for (const [i, key] of keys.entries()) {
      const words = wordsOf(key)
      const window = seen.get(words)
      if (window > 0 || turn.isLast) {
        windows[i] = window
        continue
      }
      const admitted = this.#admits(model, words)
      if (!(typeof admitted === 'boolean' ? admitted : await admitted)) continue
      seen.set(words, turn.number)
      windows[i] = turn.number
    }
    return windows
  }

  #seenBy(model: HostedName): SeenKeys {
    const seen = this.#seen.get(model) ?? new SeenKeys()
    this.#seen.set(model, seen)
    return seen
  }

  /** Whether there is room for an embedding; takes it. */
  #admits(model: HostedName, key: Uint32Array): boolean | Promise<boolean> {
    if (this.#recurs?.(model, key) === false) return false
    const bytes = this.#bytesOf(model)
    if (this.#used + bytes > this.#options.limit) {
      if (this.#recurs !== undefined) return false
      // Some of what has come so far does not occur again, and makes room.
      return (this.#search as Promise<void>).then(() => {
        this.#prune()
        return this.#admits(model, key)
      })
    }
    this.#used += bytes
    return true
  }

  #bytesOf(model: HostedName): number {
    return 4 * this.#options.widthOf(model)
  }

  /** Once it is known what occurs again, all else is forgotten. */
  #prune(): void {
    const recurs = this.#recurs
    if (this.#isPruned || recurs === undefined) return
    this.#isPruned = true
    this.#used = 0
    for (const [model, seen] of this.#seen) {
      seen.keepOnly((key) => recurs(model, key))
      this.#used += seen.size * this.#bytesOf(model)
    }
  }

  /** Whether an embedding that later windows may need is not there yet. */
  lacks(model: HostedName, key: Uint8Array): boolean {
    if (this.#store === undefined || this.#recurs?.(model, wordsOf(key)) === false) return false
    return !this.#store.has(model, key)
  }

  /** Keeps an embedding. @throws WriteError */
  keep(model: HostedName, key: Uint8Array, vector: Float32Array): void {
    if (this.lacks(model, key)) this.#store?.put(model, key, vector)
  }

  refuse(model: HostedName, key: Uint8Array, reason: string): void {
    this.#reasons.set(nameOf(model, key), reason)
  }

  /** The embedding that another window has computed, or why it has none. */
  async take(window: number, model: HostedName, key: Uint8Array): Promise<Float32Array | { reason: string }> {
    await this.#ends[window - 1]
    const reason = this.#reasons.get(nameOf(model, key))
    if (reason !== undefined) return { reason }
    const vector = await this.#store?.find(model, key)
    if (vector?.length === this.#options.widthOf(model)) return vector
    throw new TryAgainError(
      `an embedding in ${this.#store?.path}, which this run has kept, is missing or damaged. The same command computes it again`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the run has ended'))
    await this.#search?.catch(() => {})
    await this.#store?.[Symbol.asyncDispose]()
  }
}

function nameOf(model: HostedName, key: Uint8Array): string {
  return `${model} ${keyText(key)}`
}

interface TurnFacts {
  /** From 1. */
  readonly number: number
  readonly hasDone: boolean
  /** No other window has parts of the run. */
  readonly isAlone: boolean
  /** No later window has. */
  readonly isLast: boolean
}

/** What one window has to do with the others of a run. */
export class Turn {
  readonly #reuse: Reuse
  readonly #facts: TurnFacts
  /** To be called when everything that the window computes is kept, or will never be. */
  readonly end: () => void

  constructor(reuse: Reuse, facts: TurnFacts, end: () => void) {
    this.#reuse = reuse
    this.#facts = facts
    this.end = end
  }

  get number(): number {
    return this.#facts.number
  }

  /**
   * Says which sequences the window has. To be called without waiting for anything, window by window.
   *
   * @param keys - SHA-256 of each, all different
   * @returns for each the number of the window that computes it: an earlier one, this one for later ones as well, or 0 for this one alone
   */
  async claim(model: HostedName, keys: readonly Uint8Array[]): Promise<Uint32Array> {
    if (this.#facts.isAlone) return new Uint32Array(keys.length)
    return await this.#reuse.claim(this.#facts, model, keys)
  }

  lacks(model: HostedName, key: Uint8Array): boolean {
    return this.#reuse.lacks(model, key)
  }

  /** @throws WriteError */
  keep(model: HostedName, key: Uint8Array, vector: Float32Array): void {
    this.#reuse.keep(model, key, vector)
  }

  refuse(model: HostedName, key: Uint8Array, reason: string): void {
    this.#reuse.refuse(model, key, reason)
  }

  take(window: number, model: HostedName, key: Uint8Array): Promise<Float32Array | { reason: string }> {
    return this.#reuse.take(window, model, key)
  }
}
