/**
 * `virnucpro`: a whole run, and the import of the models that it needs. What they are made of has a subpath each, such
 * as `virnucpro/fasta`. A function loads what it needs when it is called.
 */
import type { Bundle } from './bundle/index.ts'
import type {
  ClassifiedFrame,
  ClassifyOptions,
  Embedded,
  EmbedOptions,
  SequenceInput,
  SequenceInputs,
} from './embed/index.ts'
import type { ImportOptions } from './import/index.ts'
import type { LayoutName, OutputPaths } from './layout/index.ts'
import type { Progress } from './monitor/index.ts'
import type {
  InUse,
  PredictContext,
  PredictResult,
  ResultCounts,
  SampleOutcome,
  SamplesResult,
} from './predict/index.ts'
import type { ResultsCounts } from './results/index.ts'
import type { Sample, SampleSheet } from './samples/index.ts'
import type { PredictOptions, PredictRequest } from './settings/index.ts'

export { ExitCode } from './exit-codes.ts'
export type { Detail, ErrorCode, ErrorCodes, ErrorKind, NoData } from './system/error-codes.ts'
// Errors meant for people.
export { type ErrorOptions, UsageError, VirnucproError } from './system/errors.ts'
export type { Logger } from './system/logger.ts'
export type { Message } from './system/printable.ts'
export type {
  Bundle,
  ClassifiedFrame,
  ClassifyOptions,
  Embedded,
  EmbedOptions,
  ImportOptions,
  InUse,
  LayoutName,
  OutputPaths,
  PredictContext,
  PredictOptions,
  PredictRequest,
  PredictResult,
  Progress,
  ResultCounts,
  ResultsCounts,
  Sample,
  SampleOutcome,
  SampleSheet,
  SamplesResult,
  SequenceInput,
  SequenceInputs,
}

/**
 * Predicts which sequences of some files are viral, as `virnucpro predict` does: memory does not grow with the input, and
 * the same call continues a run that was interrupted.
 *
 * @param request - `inputs`, and whatever is not to be as it is by default; docs/reference/configuration.md has the table. Neither
 *   environment nor configuration file is read.
 * @param context - a logger, a signal that stops the run, a listener for its progress
 * @throws VirnucproError with a message for the user; the output folder then holds a state that can be continued
 */
export async function predict(request: PredictRequest, context: PredictContext = {}): Promise<PredictResult> {
  const { completeOptions } = await import('./settings/index.ts')
  const options = await completeOptions(request)
  return await (await import('./predict/index.ts')).predict(options, context)
}

/** What {@link predictSamples} is asked for: what a run is, but for its inputs and names. */
export interface SamplesRequest extends Omit<PredictRequest, 'inputs' | 'prefix' | 'outputDir'> {
  samples: readonly Sample[]
  /** Each sample has a folder of its name in it. */
  outputDir: string
}

/**
 * Predicts several samples in one go, as `virnucpro predict --sample-sheet` does: the models are opened once, batches cross
 * samples, each has a folder of its own. A sample that fails does not stop the others; its outcome has the error.
 *
 * @throws VirnucproError when nothing could be begun, or all has ended; the same call continues
 */
export async function predictSamples(
  { samples, outputDir, ...request }: SamplesRequest,
  context: PredictContext = {},
): Promise<SamplesResult> {
  const { completeOptions } = await import('./settings/index.ts')
  const options = await completeOptions({ ...request, inputs: samples.flatMap(({ inputs }) => inputs) })
  const { predictSamples } = await import('./predict/index.ts')
  return await predictSamples(samples, { ...options, outputDir }, context)
}

/**
 * Reads a sample sheet: CSV with the columns `sample,fastq_1,fastq_2` or `sample,fasta`. Relative paths start in the current folder.
 *
 * @throws VirnucproError with every fault of the sheet and its line
 */
export async function readSampleSheet(path: string): Promise<SampleSheet> {
  return await (await import('./samples/index.ts')).readSampleSheet(path)
}

/**
 * Makes a bundle from weight files, as `virnucpro models import` does. They are checked and compared before anything is
 * written.
 *
 * @throws VirnucproError where a file is not the model that it is given as, or the models do not belong together
 */
export async function importModels(options: ImportOptions): Promise<Bundle> {
  return await (await import('./import/index.ts')).importModels(options)
}

/**
 * Opens a bundle, or the one of the demonstration, which is called `demo`.
 *
 * @throws VirnucproError where there is none, or it is damaged
 */
export async function openBundle(folder: string): Promise<Bundle> {
  return await (await import('./bundle/index.ts')).openBundle(folder)
}

/**
 * Embeds proteins with ESM-2 or DNA with DNABERT-S: an embedding for each sequence, in their order. Sequences are taken from the
 * source as they are needed, some windows ahead; memory does not grow with their number. Leaving the loop ends the work.
 *
 * The embedding of ESM-2 is the mean over the residues, that of DNABERT-S over all tokens; docs/how-to/embeddings.md has both.
 *
 * @throws UsageError for options that do not go together; DataError for a sequence that cannot be embedded, with the code
 *   `too-long` where it is longer than `maxLength`; VirnucproError with the code `sequence-refused` where the model fails on one; the
 *   signal's reason
 */
export async function* embed(sequences: SequenceInputs, options: EmbedOptions): AsyncGenerator<Embedded> {
  const { embed } = await embedding()
  yield* embed(sequences, options)
}

/**
 * Classifies embeddings.
 *
 * @param features - of the same frames by both models, row-major [frames, width]: DNABERT-S then ESM-2, 768 + 2,560 numbers of the
 *   published models
 * @returns [frames, 2] float32: the probability of `others`, of `virus`
 * @throws UsageError for numbers that are no rows, and where the bundle has no classifier for the chunk length
 */
export function classify(features: Float32Array, options?: ClassifyOptions): Promise<Float32Array>
/**
 * Cuts DNA into chunks, translates and embeds them, and classifies every open frame, in order. Sequences are taken from the source as
 * they are needed.
 *
 * @throws UsageError for options that do not go together, DataError for what is no sequence, VirnucproError with the code
 *   `sequence-refused` where a model fails on a frame; the signal's reason
 */
export function classify(
  sequences: SequenceInputs,
  options?: ClassifyOptions,
): AsyncGenerator<ClassifiedFrame>
export function classify(
  sequences: SequenceInputs,
  options?: ClassifyOptions,
): AsyncGenerator<ClassifiedFrame>
export function classify(
  given: Float32Array | SequenceInputs,
  options: ClassifyOptions = {},
): Promise<Float32Array> | AsyncGenerator<ClassifiedFrame> {
  if (given instanceof Float32Array) return embedding().then(({ classify }) => classify(given, options))
  return classifySequences(given, options)
}

async function* classifySequences(
  sequences: SequenceInputs,
  options: ClassifyOptions,
): AsyncGenerator<ClassifiedFrame> {
  const { classify } = await embedding()
  yield* classify(sequences, options)
}

const embedding = async () => await (await import('./embed/index.ts')).library()
