import { AtomicFile } from '../system/atomic.ts'
import { printable } from '../system/printable.ts'

/** A table of what a run has to say about single records or frames, whole or not at all. Without a line there is no file. */
export class ListFile implements AsyncDisposable {
  readonly path: string
  readonly #columns: readonly string[]
  #file: AtomicFile | undefined

  constructor(path: string, columns: readonly string[]) {
    this.path = path
    this.#columns = columns
  }

  get isBegun(): boolean {
    return this.#file !== undefined
  }

  async add(cells: readonly (string | number)[]): Promise<void> {
    if (this.#file === undefined) {
      this.#file = await AtomicFile.create(this.path)
      await this.#file.write(line(this.#columns))
    }
    await this.#file.write(line(cells))
  }

  /** Gives the file its name, where there is one. */
  async commit(): Promise<void> {
    await this.#file?.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.[Symbol.asyncDispose]()
  }
}

function line(cells: readonly (string | number)[]): string {
  return `${cells.map((cell) => printable(String(cell))).join('\t')}\n`
}
