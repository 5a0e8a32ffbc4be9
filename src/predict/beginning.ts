import { type FileRecord, type RunManifest, readManifest } from '../checkpoint/index.ts'
import type { OutputPaths } from '../layout/index.ts'
import { findLegacyRun } from '../legacy/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { checkNames } from './claim.ts'

interface Place {
  readonly paths: OutputPaths
  readonly record: FileRecord
  readonly options: PredictOptions
}

/** What a run finds in its output folder, and so what it may change before it is sure that it can compute. */
export class Beginning {
  /** Whether a run of another program has left embeddings. */
  readonly legacy: boolean
  /** An earlier run has finished, and is not to be replaced: there may be nothing to compute. */
  readonly hasFinished: boolean
  /** Nothing is lost when the server that is starting meanwhile fails. */
  readonly risksNothing: boolean
  readonly #place: Place
  readonly #isNew: boolean
  /** Files without a record that are of a run; undefined while nobody has looked. */
  #names: string[] | undefined

  private constructor(
    place: Place,
    legacy: boolean,
    status: RunManifest['status'] | undefined,
    names: string[] | undefined,
  ) {
    this.#place = place
    this.#names = names
    this.legacy = legacy
    this.hasFinished = status === 'finished'
    this.#isNew = names?.length === 0 && !legacy && place.record.isEmpty
    this.risksNothing = this.#isNew || status === 'unfinished'
  }

  /**
   * Looks, and changes nothing.
   * @throws UsageError when names of the run are taken, unless it has finished: then it writes nothing
   */
  static async look(place: Place): Promise<Beginning> {
    const { paths, options } = place
    const legacy = (await findLegacyRun(paths.root, paths.stem, paths.layout)) !== undefined
    const manifest = options.force ? undefined : await readManifest(paths.state)
    const status = typeof manifest === 'object' ? manifest.status : undefined
    const names = status === 'finished' ? undefined : await checkNames({ ...place, legacy })
    return new Beginning(place, legacy, status, names)
  }

  /** Takes what lies under the names of the run for its own. @throws UsageError when it is not of a run */
  async claim(): Promise<void> {
    this.#names ??= await checkNames({ ...this.#place, legacy: this.legacy })
    await this.#place.record.take(this.#names)
  }

  /** Takes the traces of a run away that has computed nothing, where there was nothing before it. */
  async undo(): Promise<boolean> {
    if (!this.#isNew) return false
    await this.#place.record.undo()
    return true
  }
}
