import type { Precision } from '../bundle/index.ts'
import type { ServerChoice } from '../home/index.ts'
import type { Logger } from '../system/logger.ts'

/** A classifier file, and the chunk length in bases that it was made for. */
export interface NamedClassifier {
  readonly path: string
  /** @default from the name of a published file; else unknown */
  readonly chunkLength?: number | undefined
}

/** What to set up. Everything that is left out is found, kept from an earlier set-up, or chosen. */
export interface SetupOptions {
  /** Weights of ESM-2: a fair-esm file, or a Hugging Face folder or weight file. @default those used before, else a download */
  readonly esm?: string | undefined
  /** A Hugging Face folder of DNABERT-S. @default the one used before, else a download */
  readonly dnabert?: string | undefined
  /** @default those of the bundle, else the two published ones */
  readonly mlp: readonly NamedClassifier[]
  /** Source of missing weights: a folder, a file, or the address of a mirror. @default where they are published */
  readonly from?: string | undefined
  /**
   * A precision for GPUs, or one for the CPU, with which GPUs are not set up.
   *
   * @default FP32 on the CPU; on GPUs BF16, or FP16 where one is too old for that
   */
  readonly precision?: Precision | undefined
  /** FASTA file of nucleotides to calibrate with, or `none`. */
  readonly calibrate?: string | undefined
  /** Frames to measure with how far FP8 is from what rechecks it. @default 30,000 */
  readonly recheckFrames?: number | undefined
  /** Numbers in the order of CUDA. @default all that this process may use */
  readonly gpus?: readonly number[] | undefined
  /** Kind of server. @default the first that works on this machine */
  readonly server?: ServerChoice['kind'] | undefined
  readonly serverBin?: string | undefined
  readonly backendDirectory?: string | undefined
  readonly libraryPath?: string | undefined
  /** Python with TensorRT, or the Python for a private server. */
  readonly python?: string | undefined
  /** Program that runs the container. @default the first of Docker, Podman and Apptainer that can use the GPUs */
  readonly engine?: 'docker' | 'podman' | 'apptainer' | undefined
  /** Image of the container; for Apptainer also a file. @default NVIDIA's, for the driver of the GPUs */
  readonly image?: string | undefined
  /** Folder with the packages of a private server, for machines without a network. */
  readonly wheels?: string | undefined
  /** Receives messages about the progress. */
  readonly logger: Logger
  /** Called with the bytes of weights downloaded so far, and their total. */
  readonly onBytes?: (done: number, total: number) => void
  readonly signal: AbortSignal
}
