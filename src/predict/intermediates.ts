import { formatRecord } from '../fasta/index.ts'
import type { OutputPaths } from '../layout/index.ts'
import { AtomicFile, writeAtomically } from '../system/atomic.ts'
import type { Part } from './part.ts'

/** Columns of a line where the reference programs write through Biopython. */
const WRAP = 60

/**
 * The FASTA files of stages one to three, kept with `--keep-intermediate`: all chunks, all frames as DNA and as
 * protein, and the same frames split into numbered parts.
 *
 * | file | vanilla | broad |
 * | --- | --- | --- |
 * | chunks | 60 columns | 60 columns |
 * | frames | one line | one line |
 * | parts | one line | 60 columns |
 */
export class PreparedFiles {
  readonly #paths: OutputPaths
  readonly #chunks: AtomicFile
  readonly #nucleotides: AtomicFile
  readonly #proteins: AtomicFile
  readonly #pending: [AtomicFile, Uint8Array][] = []

  private constructor(paths: OutputPaths, chunks: AtomicFile, nucleotides: AtomicFile, proteins: AtomicFile) {
    this.#paths = paths
    this.#chunks = chunks
    this.#nucleotides = nucleotides
    this.#proteins = proteins
  }

  static async create(paths: OutputPaths): Promise<PreparedFiles> {
    await using opened = new AsyncDisposableStack()
    const create = async (path: string) =>
      opened.adopt(await AtomicFile.create(path), (file) => file.abandon())
    const chunks = await create(paths.chunked)
    const nucleotides = await create(paths.nucleotide)
    const proteins = await create(paths.protein)
    opened.move()
    return new PreparedFiles(paths, chunks, nucleotides, proteins)
  }

  /** Files of an earlier run are not added to: they were written whole. */
  addChunk(id: string, chunk: Uint8Array): void {
    this.#pending.push([this.#chunks, formatRecord(id, chunk, { wrap: WRAP })])
  }

  addFrame(id: string, nucleotide: Uint8Array, protein: Uint8Array): void {
    this.#pending.push([this.#nucleotides, formatRecord(id, nucleotide)])
    this.#pending.push([this.#proteins, formatRecord(id, protein)])
  }

  /** Writes what was added since the last call. */
  async drain(): Promise<void> {
    for (const [file, bytes] of this.#pending.splice(0)) await file.write(bytes)
  }

  async writePart(part: Part): Promise<void> {
    const wrap = this.#paths.layout === 'broad' ? { wrap: WRAP } : {}
    await writeAtomically(this.#paths.nucleotidePart(part.number), records(part.ids, part.nucleotides, wrap))
    await writeAtomically(this.#paths.proteinPart(part.number), records(part.ids, part.proteins, wrap))
  }

  async commit(): Promise<void> {
    await this.drain()
    for (const file of [this.#chunks, this.#nucleotides, this.#proteins]) await file.commit()
  }

  async abandon(): Promise<void> {
    for (const file of [this.#chunks, this.#nucleotides, this.#proteins]) await file.abandon()
  }
}

function records(
  ids: readonly string[],
  sequences: readonly Uint8Array[],
  wrap: { wrap?: number },
): Uint8Array {
  return Buffer.concat(ids.map((id, i) => formatRecord(id, sequences[i] as Uint8Array, wrap)))
}
