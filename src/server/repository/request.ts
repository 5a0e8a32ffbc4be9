import type { Bundle, ModelName } from '../../bundle/index.ts'
import type { BuildOptions } from './build.ts'
import type { Plan } from './plans.ts'
import type { RecordedFiles } from './recorded-files.ts'

/** One model of a repository under construction. */
export interface ModelRequest extends Omit<BuildOptions, 'bundle' | 'plans'> {
  /** The repository under construction. */
  readonly folder: string
  /** What the server computes with goes in through these. */
  readonly files: RecordedFiles
  readonly model: ModelName
  readonly bundle: Bundle
  /** With one set of profiles; empty where graphs are served. */
  readonly plans: readonly Plan[]
  /** Token budget that `engines tune` found for these plans. */
  readonly tuned: number | undefined
}
