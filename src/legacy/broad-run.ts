import type { OutputPaths } from '../layout/index.ts'
import { messageOf } from '../system/problems.ts'
import {
  BROAD_STAGES,
  type BroadStage,
  type PipelineConfig,
  PipelineState,
  type StageOutputs,
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

  /** The run has finished, all its parts included. */
  async complete(parts: number): Promise<void> {
    const outputs = outputsOf(this.#paths, parts)
    for (const stage of BROAD_STAGES) this.#state.stage(stage).complete(outputs[stage])
    await this.#state.write()
  }

  /** The run has stopped. Never throws, so that it cannot hide why. */
  async fail(error: unknown): Promise<void> {
    this.#state.stage('CHUNKING').fail(messageOf(error))
    await this.#state.write().catch(() => {})
  }
}

/** The files of a run under the keys that Broad's fork gives them. Like there, they are named even once removed. */
function outputsOf(paths: OutputPaths, parts: number): Record<BroadStage, StageOutputs> {
  const all = (file: (part: number) => string) => Array.from({ length: parts }, (_, i) => file(i + 1))
  return {
    CHUNKING: { files: [paths.chunked] },
    TRANSLATION: { nucleotide_file: paths.nucleotide, protein_file: paths.protein },
    NUCLEOTIDE_SPLITTING: { nucleotide_files: all(paths.nucleotidePart) },
    PROTEIN_SPLITTING: { protein_files: all(paths.proteinPart) },
    NUCLEOTIDE_FEATURES: { nucleotide_features: all(paths.dnabertPart) },
    PROTEIN_FEATURES: { protein_features: all(paths.esmPart) },
    FEATURE_MERGING: { merged_files: all(paths.mergedPart) },
    PREDICTION: { prediction_file: paths.predictions },
    CONSENSUS: { consensus_file: paths.consensus },
  }
}
