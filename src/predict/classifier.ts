import { basename } from 'node:path'
import {
  type Bundle,
  bundleDigest,
  Classifier,
  type ClassifierRecord,
  classifierFor,
  classifiersOf,
  FEATURE_ORDER,
  publishedLength,
} from '../bundle/index.ts'
import { type ImportedClassifier, importClassifier } from '../import/index.ts'
import type { Summary } from '../report/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'

const LIST = new Intl.ListFormat('en-GB')

/** What decides which classifier a run has. */
export type ClassifierChoice = Pick<
  PredictOptions,
  'mlp' | 'expectedLength' | 'classifierFor' | 'anyLength' | 'mlpBatchSize' | 'threads'
>

/** The classifier of a run. */
export interface RunClassifier {
  /** For reports. */
  readonly facts: NonNullable<Summary['models']['classifier']>
  /** SHA-256 of its graph. */
  readonly graph: string
  /** Of the models of the run: equal for equal calls. */
  readonly digest: string
  /** Loads it. @throws InferenceError when it cannot be run */
  open(): Promise<Classifier>
}

/**
 * Chooses the classifier of a run: the file that the options name, else that of the bundle for the chunk length. Chunks must
 * have the length that it was made for: scores of others look like any others and mean little.
 *
 * @throws UsageError when they have not, unless `anyLength` is set, and when it does not fit the bundle
 */
export async function chooseClassifier(
  options: ClassifierChoice,
  bundle: Bundle,
  logger: Logger,
): Promise<RunClassifier> {
  const width = widthOf(bundle)
  const load = async (graph: Uint8Array) =>
    await Classifier.open({ graph, width, batchSize: options.mlpBatchSize, threads: options.threads })
  if (options.mlp !== undefined) {
    const imported = await importClassifier(options.mlp)
    requireWidth(options.mlp, imported, bundle)
    const chunkLength = lengthOfFile(options, imported, bundle)
    checkChunkLength(options, { name: basename(options.mlp), file: options.mlp, chunkLength }, logger)
    return {
      facts: factsOf(imported, chunkLength),
      graph: imported.sha256,
      digest: `${bundle.digest} classifier ${imported.sha256}`,
      open: () => load(imported.graph),
    }
  }
  const record = ofBundle(options, bundle, logger)
  return {
    facts: factsOf(record, record.chunkLength),
    graph: record.graph.sha256,
    digest: bundleDigest(bundle.manifest, record),
    open: async () => await load(await bundle.read(record.graph)),
  }
}

/** @throws UsageError where the bundle has none for the chunk length */
function ofBundle(options: ClassifierChoice, { manifest }: Bundle, logger: Logger): ClassifierRecord {
  const { expectedLength, classifierFor: asked = expectedLength, anyLength } = options
  const all = classifiersOf(manifest)
  const name = `of the bundle ${manifest.name}`
  const found = all.length === 1 ? all[0] : classifierFor(manifest, asked)
  if (found !== undefined) {
    const { chunkLength, source } = found
    // A demonstration says of itself that its calls mean nothing, whatever the length.
    if (chunkLength === undefined && manifest.demo) return found
    checkChunkLength(options, { name, file: source.files[0]?.name, chunkLength }, logger)
    return found
  }
  const lengths = all.flatMap(({ chunkLength }) => chunkLength ?? []).toSorted((a, b) => a - b)
  const problem =
    `the classifiers ${name} were made for chunks of ${LIST.format(lengths.map(String))} bases, and none for ${asked}: ` +
    'scores of another would mean little'
  if (!anyLength) throw new UsageError(problem, { detail: { code: 'no-classifier', data: { lengths } } })
  const distance = ({ chunkLength = 0 }: ClassifierRecord) => Math.abs(chunkLength - asked)
  const nearest = all.reduce((best, each) => (distance(each) < distance(best) ? each : best))
  logger.warn(
    `${problem}. Chunks here have ${expectedLength}, and the one for ${nearest.chunkLength} is used`,
  )
  return nearest
}

/** What is known of a classifier before a run. */
interface Known {
  /** For messages. */
  readonly name: string
  /** What it was made from. */
  readonly file: string | undefined
  readonly chunkLength: number | undefined
}

function checkChunkLength(
  options: ClassifierChoice,
  { name, file, chunkLength }: Known,
  logger: Logger,
): void {
  const { expectedLength, classifierFor: asked, anyLength } = options
  const made = chunkLength ?? asked
  if (made === undefined) {
    const hint = hintOf(file)
    logger.warn(
      hint === undefined || hint === expectedLength
        ? `which chunk length the classifier ${name} was made for is not known; chunks here have ${expectedLength} bases`
        : `by its name the classifier ${name} was made for chunks of ${hint} bases, and chunks here have ${expectedLength}`,
      { code: 'chunk-length-unknown', data: {} },
    )
    return
  }
  const wrong =
    made !== expectedLength
      ? `chunks here have ${expectedLength}`
      : asked !== undefined && asked !== made
        ? `one for ${asked} was asked for`
        : undefined
  if (wrong === undefined) return
  const problem = `the classifier ${name} was made for chunks of ${made} bases, and ${wrong}: its scores would mean little`
  if (!anyLength) {
    throw new UsageError(problem, { detail: { code: 'chunk-length-mismatch', data: { length: made } } })
  }
  logger.warn(problem)
}

/** What the name of a file only makes likely. */
function hintOf(file = ''): number | undefined {
  const found = /(?<!\d)(300|500)(?!\d)/.exec(basename(file))?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Of a file of the command line: by what the bundle says of its own, whatever its name here, or by a published name. */
function lengthOfFile(
  { mlp = '', expectedLength }: ClassifierChoice,
  { sha256 }: ImportedClassifier,
  { manifest }: Bundle,
): number | undefined {
  const same = classifiersOf(manifest).filter(({ graph }) => graph.sha256 === sha256)
  const own = same.find(({ chunkLength }) => chunkLength === expectedLength) ?? same[0]
  return own?.chunkLength ?? publishedLength(mlp)
}

function factsOf(
  { source }: Pick<ClassifierRecord, 'source'>,
  chunkLength: number | undefined,
): RunClassifier['facts'] {
  const [file] = source.files
  return { name: file?.name ?? 'unknown', sha256: file?.sha256 ?? '', chunkLength: chunkLength ?? null }
}

function widthOf({ manifest: { models } }: Bundle): number {
  return FEATURE_ORDER.reduce((sum, model) => sum + models[model].dimension, 0)
}

function requireWidth(path: string, { input }: ImportedClassifier, bundle: Bundle): void {
  const width = widthOf(bundle)
  if (input === width) return
  const dimensions = FEATURE_ORDER.map((model) => bundle.manifest.models[model].dimension)
  throw new UsageError(
    `${path} classifies vectors of ${input} numbers, but the bundle's models give ` +
      `${dimensions.join(' + ')} = ${width}. Use the bundle that this classifier was trained with.`,
  )
}

/** One line about the classifier of a run. */
export function describeClassifier({ name, chunkLength, sha256 }: RunClassifier['facts']): string {
  const made = chunkLength === null ? 'unknown chunk length' : `chunks of ${chunkLength} bases`
  return `classifier: ${name}, for ${made}, SHA-256 ${sha256}`
}
