import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError, VirnucproError, writeAtomically } from '../system/index.ts'
import { manifestDifferences, parseManifest, type RunManifest } from './manifest.ts'
import { type PartScores, readPartScores, writePartScores } from './part-scores.ts'

export interface RunFolderOptions {
  /** Where the state of the run lies. */
  path: string
  /** Result files whose presence means that a run has been here. */
  results: readonly string[]
  manifest: RunManifest
  /** Start anew over whatever is there. */
  force: boolean
}

/** `fresh`: nothing done yet; `resumed`: some parts may be done; `finished`: nothing left to do. */
export type RunStatus = 'fresh' | 'resumed' | 'finished'

/** The state of a run on disk: what it works on and the scores of the parts that are done. */
export class RunFolder {
  readonly #path: string
  readonly status: RunStatus
  #manifest: RunManifest

  private constructor(path: string, manifest: RunManifest, status: RunStatus) {
    this.#path = path
    this.#manifest = manifest
    this.status = status
  }

  /**
   * Continues the run of the same input, settings and models that the folder holds, or begins one.
   *
   * @throws UsageError when the folder holds another run, with the difference, and `force` is not set
   */
  static async open({ path, results, manifest, force }: RunFolderOptions): Promise<RunFolder> {
    const before = force ? undefined : await readManifest(path)
    const present = results.filter((file) => existsSync(file))
    if (before !== undefined) {
      const differences = manifestDifferences(before, manifest)
      if (differences.length > 0) {
        throw new UsageError(
          `the output folder holds a ${before.status} run that differs:\n  ${differences.join('\n  ')}\n` +
            'choose another output folder, or start anew over the old results with --force',
        )
      }
      if (before.status === 'unfinished') return new RunFolder(path, before, 'resumed')
      if (present.length === results.length) return new RunFolder(path, before, 'finished')
    } else if (present.length > 0 && !force) {
      throw new UsageError(
        `${present[0]} exists and is not from a run that could be continued; ` +
          'choose another output folder, or replace it with --force',
      )
    }
    await rm(path, { recursive: true, force: true })
    const folder = new RunFolder(path, manifest, 'fresh')
    await folder.#save()
    return folder
  }

  /** Counts of a run that had finished before. */
  get result(): Record<string, number> | undefined {
    return this.#manifest.result
  }

  async #save(): Promise<void> {
    await writeAtomically(join(this.#path, 'run.json'), `${JSON.stringify(this.#manifest, undefined, 2)}\n`)
  }

  /** Folder for the run's own files, removed at the end. */
  async makeWorkFolder(): Promise<string> {
    const path = join(this.#path, 'work')
    await mkdir(path, { recursive: true })
    return path
  }

  /** File for a purpose of the run's own, removed with the rest at the end. */
  file(name: string): string {
    return join(this.#path, 'work', name)
  }

  #part(number: number): string {
    return this.file(`part_${String(number).padStart(6, '0')}.scores`)
  }

  /** Scores of a part that is done with exactly these frames, in this order. */
  async finishedPart(number: number, ids: readonly string[]): Promise<PartScores | undefined> {
    const found = await readPartScores(this.#part(number))
    return found?.ids.length === ids.length && found.ids.every((id, i) => id === ids[i]) ? found : undefined
  }

  async finishPart(number: number, scores: PartScores): Promise<void> {
    await writePartScores(this.#part(number), scores)
  }

  /** The scores of all parts in order. */
  async *scores(parts: number): AsyncGenerator<PartScores> {
    for (let number = 1; number <= parts; number++) {
      const scores = await readPartScores(this.#part(number))
      if (scores === undefined) {
        throw new VirnucproError(
          `the scores of part ${number} in ${this.#part(number)} are missing or damaged; start the same command again`,
        )
      }
      yield scores
    }
  }

  /** Marks the run as finished and removes its working files. */
  async finish(result: Record<string, number>): Promise<void> {
    this.#manifest = { ...this.#manifest, status: 'finished', result }
    await this.#save()
    await rm(join(this.#path, 'work'), { recursive: true, force: true })
  }
}

async function readManifest(path: string): Promise<RunManifest | undefined> {
  const file = join(path, 'run.json')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return parseManifest(JSON.parse(text))
  } catch {
    // Written whole or not at all, so this is damage from outside; the run is begun anew.
    return undefined
  }
}
