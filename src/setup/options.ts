import type { Precision } from '../bundle/index.ts'
import type { ServerChoice } from '../home/index.ts'
import type { Logger } from '../system/logger.ts'

/** A classifier to have, and the bases of the chunks that it was made for. */
export interface NamedClassifier {
  readonly path: string
  /** @default from the name of a published file; else unknown */
  readonly chunkLength?: number | undefined
}

/** What somebody asks for; whatever is left out is found, kept or chosen. */
export interface SetupOptions {
  /** Weights: a fair-esm file of ESM-2, or a Hugging Face folder or weight file. @default those of before, else pulled */
  readonly esm?: string | undefined
  /** A Hugging Face folder of DNABERT-S. @default that of before, else pulled */
  readonly dnabert?: string | undefined
  /** @default those that the bundle has, else the published two */
  readonly mlp: readonly NamedClassifier[]
  /** Where weights are pulled from: a folder, a file, or the address of a mirror. */
  readonly from?: string | undefined
  /**
   * Of the models for GPUs, or of the bundle for the CPU; with the latter, GPUs are left as they are.
   *
   * @default FP32 on the CPU; on GPUs BF16, or FP16 where one is too old for that
   */
  readonly precision?: Precision | undefined
  /** FASTA file of nucleotides to calibrate with, or `none`. */
  readonly calibrate?: string | undefined
  /** Numbers in the order of CUDA. @default all that this process may use */
  readonly gpus?: readonly number[] | undefined
  /** Kind of server. @default the first that this machine has */
  readonly server?: ServerChoice['kind'] | undefined
  readonly serverBin?: string | undefined
  readonly backendDirectory?: string | undefined
  readonly libraryPath?: string | undefined
  /** Python with TensorRT, or that a private server is made from. */
  readonly python?: string | undefined
  /** What runs the container. @default the first of Docker, Podman and Apptainer that can use the GPUs */
  readonly engine?: 'docker' | 'podman' | 'apptainer' | undefined
  /** Image of the container; for Apptainer also a file. @default NVIDIA's, for the driver of the GPUs */
  readonly image?: string | undefined
  /** Folder with the packages of a private server, for machines without a network. */
  readonly wheels?: string | undefined
  /** Hears of what is being done, in words. */
  readonly logger: Logger
  /** Hears of bytes of weights that have come, of all that are to come. */
  readonly onBytes?: (done: number, total: number) => void
  readonly signal: AbortSignal
}
