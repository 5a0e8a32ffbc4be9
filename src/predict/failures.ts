import type { FailedPart } from '../checkpoint/index.ts'
import { columnNames } from '../layout/index.ts'
import { removeFile } from '../system/kept-files.ts'
import { foreign } from '../system/printable.ts'
import { ListFile } from './list-file.ts'

/** What failed on a frame, and why. */
export interface FailedFrame extends Pick<FailedPart, 'step' | 'reason'> {
  /** In its part, from 0. */
  row: number
}

/** A failed frame with all that its line in the list says. */
export interface ListedFrame extends FailedPart {
  /** As in the tables. */
  id: string
  /** The input that it came from. */
  source: string
}

/** The list of frames that could not be computed, a line for each and what failed on it; without any there is none. */
export class FailureList implements AsyncDisposable {
  readonly #list: ListFile

  constructor(path: string) {
    this.#list = new ListFile(path, columnNames('failedFrames'))
  }

  async add(frames: Iterable<ListedFrame>): Promise<void> {
    for (const { source, id, part, step, reason } of frames) {
      const record = id.slice(0, id.lastIndexOf('_chunk_'))
      await this.#list.add([source, record, id, part, step, foreign(reason)])
    }
  }

  /** Puts the list in the place of that of an earlier start, which goes when nothing has failed. */
  async finish(): Promise<void> {
    if (this.#list.isBegun) await this.#list.commit()
    else await removeFile(this.#list.path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#list[Symbol.asyncDispose]()
  }
}
