import type { Placement } from './recorded-files.ts'

/** Which backend of the server runs the models. */
export const repositoryBackends = ['tensorrt', 'onnxruntime', 'python'] as const
/** One of {@link repositoryBackends}. */
export type RepositoryBackend = (typeof repositoryBackends)[number]

/** What a repository is made from, and how its models are hosted. */
export interface BuildOptions {
  /** Folder of a bundle, or `demo`. */
  readonly bundle: string
  readonly backend: RepositoryBackend
  /** Folder to make. */
  readonly output: string
  /**
   * Size of the instance group of each model: on each GPU, or on the CPU. Every instance takes its own memory.
   *
   * @default 1
   */
  readonly instances?: number
  /** Threads of one instance on the CPU; 0 leaves it to the server. @default 0 */
  readonly threads?: number
  /** Folder with TensorRT plans: for the backend `tensorrt`, or for `python` to run them in place of the graphs. */
  readonly plans?: string
  /** Most tokens in one batch of the `_sequence` models, padding counted. @default 4096; with plans what was tuned, or 16384 */
  readonly tokenBudget?: number
  /** Hard links where the file system allows them, or copies. @default 'link' */
  readonly placement?: Placement
  /** Replace a repository of this program. Nothing else is ever replaced. */
  readonly force?: boolean
}

/** A repository that has been made. */
export interface BuiltRepository {
  readonly output: string
  /** Names of the models in it. */
  readonly models: readonly string[]
}
