import { tmpdir } from 'node:os'
import { temporaryFileIn } from '../system/kept-files.ts'
import { sameFile } from '../system/same-file.ts'
import type { HeaderBuffer } from './header.ts'
import type { IdTable } from './id-table.ts'
import { RecordSink } from './record-sink.ts'
import type { SequenceBuffer } from './sequence-buffer.ts'
import type { InputSource } from './source.ts'
import { copyStream } from './spool.ts'
import type { ReadOptions } from './types.ts'

/** Reads an input for its names alone. */
export type ReadNames = (source: InputSource, sink: RecordSink) => Promise<void>

/** How records are named, as far as the whole of the input decides it. */
export interface Naming extends AsyncDisposable {
  /** The inputs; in the place of a stream that was read for its names, the copy of it. */
  readonly sources: readonly InputSource[]
  /** For each input, what follows the ids of its records: `/1` or `/2` for mates. */
  readonly suffixes: readonly string[]
}

/**
 * Looks through the names where they must be known before the first record is given out: two FASTQ files may be mates, and a
 * suffix must not make a name that comes later. What can be read only once is copied for that.
 */
export async function planNames(
  sources: readonly InputSource[],
  options: ReadOptions,
  readNames: ReadNames,
  allIds: IdTable | undefined,
): Promise<Naming> {
  await using copies = new AsyncDisposableStack()
  const kept: InputSource[] = []
  for (const source of sources) {
    if (source.kind === 'file' || (sources.length === 1 && allIds === undefined)) kept.push(source)
    else kept.push(await copied(source, options, copies))
  }
  const suffixes = sources.length > 1 ? await mateSuffixes(kept, options, readNames) : sources.map(() => '')
  if (allIds !== undefined) {
    for (const [i, source] of kept.entries()) {
      await readNames(source, new IdCollector(allIds, suffixes[i] as string))
    }
  }
  const moved = copies.move()
  return { sources: kept, suffixes, [Symbol.asyncDispose]: () => moved.disposeAsync() }
}

async function copied(
  source: InputSource,
  { tempDir = tmpdir(), signal }: ReadOptions,
  copies: AsyncDisposableStack,
): Promise<InputSource> {
  const { path } = copies.use(temporaryFileIn(tempDir))
  await copyStream(source, path, signal)
  return { ...source, input: path, kind: 'file', descriptor: undefined }
}

/**
 * Two FASTQ inputs whose names are the same, one by one, through the whole of both are mates, unless they are one file that
 * was given twice.
 */
async function mateSuffixes(
  sources: readonly InputSource[],
  options: ReadOptions,
  readNames: ReadNames,
): Promise<string[]> {
  const suffixes = sources.map(() => '')
  // Only those that begin alike are read to their ends.
  const beginnings = await alikeBy(sources, readNames, () => new FirstId())
  for (const alike of beginnings) {
    for (const [first, second, ...more] of await alikeBy(alike, readNames, () => new IdDigest())) {
      if (first === undefined || second === undefined || more.length > 0) continue
      if ((await sameFile([first.input], [second.input])) !== undefined) continue
      suffixes[sources.indexOf(first)] = '/1'
      suffixes[sources.indexOf(second)] = '/2'
      options.onMates?.(first.name, second.name)
    }
  }
  return suffixes
}

/** FASTQ inputs in groups of at least two whose names, as far as the sinks look, are the same. */
async function alikeBy(
  sources: readonly InputSource[],
  readNames: ReadNames,
  newSink: () => IdDigest,
): Promise<InputSource[][]> {
  const groups = new Map<string, InputSource[]>()
  for (const source of sources) {
    const sink = newSink()
    await readNames(source, sink)
    if (sink.format !== 'fastq' || sink.count === 0) continue
    const key = sink.key()
    groups.set(key, [...(groups.get(key) ?? []), source])
  }
  return [...groups.values()].filter(({ length }) => length > 1)
}

/** Takes note of the names alone. */
abstract class NameSink extends RecordSink {
  constructor() {
    super({ onInvalid: 'skip' })
  }

  override accept(header: HeaderBuffer, letters: SequenceBuffer): void {
    this.take(header)
    letters.clear()
  }

  protected abstract take(header: HeaderBuffer): void

  override invalid(): void {}
  override emptyInput(): void {}
}

/** Digest of all names in their order. */
class IdDigest extends NameSink {
  readonly #hasher = new Bun.CryptoHasher('sha256')
  protected first = ''
  count = 0

  protected override take({ id }: HeaderBuffer): void {
    if (this.count === 0) this.first = id
    this.count++
    this.#hasher.update(`${id}\n`)
  }

  key(): string {
    return `${this.count} ${this.#hasher.digest('hex')}`
  }
}

/** The first name only. */
class FirstId extends IdDigest {
  override get hasEnough(): boolean {
    return this.count > 0
  }

  override key(): string {
    return this.first
  }
}

class IdCollector extends NameSink {
  readonly #ids: IdTable
  readonly #suffix: string

  constructor(ids: IdTable, suffix: string) {
    super()
    this.#ids = ids
    this.#suffix = suffix
  }

  protected override take({ id }: HeaderBuffer): void {
    const bytes = Buffer.from(id + this.#suffix)
    this.#ids.add(bytes, 0, bytes.length, 0, 0)
  }
}
