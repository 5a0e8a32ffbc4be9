import type { FileName, OutputPaths } from '../layout/index.ts'
import { messageOf } from '../system/problems.ts'
import type { RunPlan } from './migrate-plan.ts'
import {
  BROAD_STAGES,
  filesOf,
  outputsOf,
  type PipelineConfig,
  PipelineState,
  readPipelineConfig,
} from './pipeline-state.ts'

/**
 * Keeps Broad's state beside a run of ours in its layout. Our stages run side by side, part by part, so between its
 * begin and its end the run is one whose first stage is in progress: Broad's fork would start it from there and keep
 * the `.pt` files that are done.
 */
export class BroadRun {
  readonly #paths: OutputPaths
  readonly #state: PipelineState

  private constructor(paths: OutputPaths, config: PipelineConfig) {
    this.#paths = paths
    this.#state = PipelineState.create(paths.root, config)
  }

  /** Writes the state of a run that has just begun; undefined in the original's layout, which has none. */
  static async begin(paths: OutputPaths, config: PipelineConfig): Promise<BroadRun | undefined> {
    if (paths.layout !== 'broad') return undefined
    const run = new BroadRun(paths, config)
    run.#state.stage('CHUNKING').start()
    await run.#state.write()
    return run
  }

  /** The run has finished, all its parts included. Like there, files are named even once removed. */
  async complete(parts: number): Promise<void> {
    const pathsOf = (file: FileName) => {
      const path = this.#paths[file]
      return typeof path === 'string' ? [path] : Array.from({ length: parts }, (_, i) => path(i + 1))
    }
    for (const stage of BROAD_STAGES) this.#state.stage(stage).complete(outputsOf(stage, pathsOf))
    await this.#state.write()
  }

  /** The run has stopped. Never throws, so that it cannot hide why. */
  async fail(error: unknown): Promise<void> {
    this.#state.stage('CHUNKING').fail(messageOf(error))
    await this.#state.write().catch(() => {})
  }
}

/** The FASTA files of the parts that files of embeddings belong to. */
const PART_OF: Partial<Record<FileName, FileName>> = {
  dnabertPart: 'nucleotidePart',
  esmPart: 'proteinPart',
  mergedPart: 'nucleotidePart',
}

/**
 * The state that Broad's fork would have written for the files of a migrated run, so that it can resume from there.
 * @param placed where a path of the run will lie in the end
 */
export async function stateOf(
  { run, to, files }: RunPlan,
  placed: (path: string) => string,
): Promise<PipelineState> {
  // Of a run of the original nothing is known of the model but the length: the name that Broad's fork gives it.
  const config = (await readPipelineConfig(run.root)) ?? {
    expectedLength: to.expectedLength,
    modelPath: `${to.expectedLength === 300 ? 300 : 500}_model.pth`,
  }
  const state = PipelineState.create(placed(run.root), config)
  const planned = (file: FileName) => files.filter((each) => each.file === file).map((each) => each.to)
  const isWhole = (file: FileName) =>
    planned(file).length > 0 && planned(file).length === planned(PART_OF[file] ?? file).length
  const isFinished = planned('predictions').length > 0
  const pathsOf = (file: FileName) => {
    const path = to[file]
    return (typeof path === 'string' && file !== 'chunked' ? [path] : planned(file)).map(placed)
  }
  for (const stage of BROAD_STAGES) {
    // Of a finished run Broad's fork removes the files of the first stages itself.
    if (!isFinished && !filesOf(stage).every(isWhole)) break
    state.stage(stage).complete(outputsOf(stage, pathsOf))
  }
  return state
}
