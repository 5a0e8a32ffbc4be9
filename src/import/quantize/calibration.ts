import type { Manifest, ModelName } from '../../bundle/index.ts'
import type { GraphOptions } from '../graphs/common.ts'
import type { LanguageModel, OpenedModel } from '../open.ts'

/** Who writes graphs that calibrate and are gone afterwards. */
export const PRODUCER = { name: 'virnucpro', version: 'calibration' }

/** What every calibration is given. */
export interface CalibrationContext {
  /** Folder of the bundle that is being made; other files in it are gone at the end. */
  readonly folder: string
  readonly onProgress?: ((message: string) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The models of a bundle. */
export interface OpenedModels {
  readonly language: Readonly<Record<ModelName, LanguageModel>>
  readonly mlp: OpenedModel
}

export interface QuantizeOptions {
  /** FASTA file of nucleotides to calibrate or to measure with. */
  readonly calibrate: string
  /** Largest error of a product in FP8, see `ProductCalibration`; one with more stays in BF16. */
  readonly tolerance: number
  /** Attention will be our own operator. */
  readonly isFused: boolean
}

/** What calibration finds. */
export interface Quantized {
  /** What the graphs are written with beside the precision's own options. */
  readonly options: Readonly<Partial<Record<ModelName, GraphOptions>>>
  /** For the manifest, under the name of the precision. */
  readonly measured?: Manifest['bf16']
  /** For the manifest, with each model. */
  readonly ofModels?: Readonly<Record<ModelName, ModelRecord>>
}

export type ModelRecord = Pick<Manifest['models'][ModelName], 'fp8' | 'bf16'>

/** How the graphs of a precision are made. */
export interface Quantizer {
  /** Options of a graph, where they are not just the arithmetic of the precision. */
  readonly graph?: (model: ModelName, isFused: boolean) => GraphOptions
  /**
   * Finds what makes up for rounding, and measures what the precision costs.
   *
   * @throws CalibrationError when the sequences have too few open frames; ModelError when a model gives NaN or infinity
   */
  readonly calibrate?: (
    models: OpenedModels,
    options: QuantizeOptions,
    context: CalibrationContext,
  ) => Promise<Quantized>
  /**
   * The same for one model alone, as the partner of one that is quantized: what its graph is written with beside the
   * precision's own options.
   *
   * @throws as `calibrate`
   */
  readonly beside?: (
    model: LanguageModel,
    options: QuantizeOptions,
    context: CalibrationContext,
  ) => Promise<GraphOptions>
}
