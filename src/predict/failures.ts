import type { FailedPart } from '../checkpoint/index.ts'
import { AtomicFile } from '../system/atomic.ts'
import { removeFile } from '../system/kept-files.ts'
import { foreign, printable } from '../system/printable.ts'

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

const COLUMNS = ['source', 'record', 'frame', 'part', 'step', 'reason']

/** The list of frames that could not be computed, a line for each and what failed on it; without any there is none. */
export class FailureList implements AsyncDisposable {
  readonly path: string
  #file: AtomicFile | undefined

  constructor(path: string) {
    this.path = path
  }

  async add(frames: Iterable<ListedFrame>): Promise<void> {
    for (const { source, id, part, step, reason } of frames) {
      this.#file ??= await begun(this.path)
      const record = id.slice(0, id.lastIndexOf('_chunk_'))
      await this.#file.write(line([source, record, id, String(part), step, foreign(reason)].map(printable)))
    }
  }

  /** Puts the list in the place of that of an earlier start, which goes when nothing has failed. */
  async finish(): Promise<void> {
    if (this.#file === undefined) await removeFile(this.path)
    else await this.#file.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.[Symbol.asyncDispose]()
  }
}

async function begun(path: string): Promise<AtomicFile> {
  const file = await AtomicFile.create(path)
  await file.write(line(COLUMNS))
  return file
}

function line(cells: readonly string[]): string {
  return `${cells.join('\t')}\n`
}
