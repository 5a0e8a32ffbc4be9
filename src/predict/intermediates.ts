import { formatRecord } from '../fasta/index.ts'
import type { OutputPaths } from '../layout/index.ts'
import { AtomicFile, writeAtomically } from '../system/atomic.ts'
import type { Part } from './part.ts'

/** Columns of a line where the reference programs write through Biopython. */
const WRAP = 60

/**
 * The FASTA files of stages one to three, when they are to be kept: all chunks, all frames as DNA and as
 * protein, and the same frames split into numbered parts.
 *
 * | file | vanilla | broad |
 * | --- | --- | --- |
 * | chunks | 60 columns | 60 columns |
 * | frames | one line | one line |
 * | parts | one line | 60 columns |
 */
export class PreparedFiles implements AsyncDisposable {
  readonly #paths: OutputPaths
  readonly #files: readonly AtomicFile[]
  readonly #pending: [file: number, bytes: Uint8Array][] = []

  private constructor(paths: OutputPaths, files: readonly AtomicFile[]) {
    this.#paths = paths
    this.#files = files
  }

  static async create(paths: OutputPaths): Promise<PreparedFiles> {
    await using opened = new AsyncDisposableStack()
    const files: AtomicFile[] = []
    for (const path of [paths.chunked, paths.nucleotide, paths.protein])
      files.push(opened.use(await AtomicFile.create(path)))
    opened.move()
    return new PreparedFiles(paths, files)
  }

  /** Files of an earlier run are not added to: they were written whole. */
  addChunk(id: string, chunk: Uint8Array): void {
    this.#pending.push([0, formatRecord(id, chunk, { wrap: WRAP })])
  }

  addFrame(id: string, nucleotide: Uint8Array, protein: Uint8Array): void {
    this.#pending.push([1, formatRecord(id, nucleotide)])
    this.#pending.push([2, formatRecord(id, protein)])
  }

  /** Writes what was added since the last call. */
  async drain(): Promise<void> {
    for (const [file, bytes] of this.#pending.splice(0)) await this.#files[file]?.write(bytes)
  }

  async writePart(part: Part): Promise<void> {
    const wrap = this.#paths.layout === 'broad' ? { wrap: WRAP } : {}
    await writeAtomically(this.#paths.nucleotidePart(part.number), records(part.ids, part.nucleotides, wrap))
    await writeAtomically(this.#paths.proteinPart(part.number), records(part.ids, part.proteins, wrap))
  }

  async commit(): Promise<void> {
    await this.drain()
    for (const file of this.#files) await file.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files) await file[Symbol.asyncDispose]()
  }
}

function records(
  ids: readonly string[],
  sequences: readonly Uint8Array[],
  wrap: { wrap?: number },
): Uint8Array {
  return Buffer.concat(ids.map((id, i) => formatRecord(id, sequences[i] as Uint8Array, wrap)))
}
