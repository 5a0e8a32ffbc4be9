import { mkdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import packageManifest from '../../package.json' with { type: 'json' }
import {
  BUNDLE_FORMAT,
  type Bundle,
  type BundleFile,
  type ClassifierRecord,
  createBundle,
  eachModel,
  forModels,
  type GraphPrecision,
  layoutVersion,
  MANIFEST_FILE,
  type Manifest,
  MODEL_NAMES,
  MODELS,
  ModelError,
  type ModelName,
  manifestText,
  modelFacts,
  openBundle,
  type PRECISIONS,
  type Precision,
  partnerOf,
  precisionFacts,
  writeBundleFile,
} from '../bundle/index.ts'
import { type GraphBuilder, weightBytes, writeModel } from '../onnx/index.ts'
import { UsageError } from '../system/errors.ts'
import {
  type ClassifierFiles,
  classifierPart,
  describeClassifier,
  listClassifiers,
  type OpenedClassifier,
  openClassifiers,
} from './classifiers.ts'
import { hasKernel } from './describe.ts'
import { FUSED_SIZES } from './graphs/fused-attention.ts'
import { type LanguageModel, OPENERS, type OpenedModel } from './open.ts'
import { PRODUCER } from './producer.ts'
import type { OpenedModels, Quantized, QuantizeOptions } from './quantize/calibration.ts'
import { CHUNK_LENGTH, EXAMPLE_SEQUENCES } from './quantize/orfs.ts'
import { chosenPartner, partnerOptions, type RecheckChoice } from './quantize/partner.ts'
import { graphOptions, QUANTIZERS } from './quantize/quantizers.ts'
import { recordSources, rememberSources } from './weights/provenance.ts'

/** The precisions whose calibration takes sequences in one way: see `calibration` in `PRECISIONS`. */
export type PrecisionsThat<Calibrate> = {
  [Name in Precision]: (typeof PRECISIONS)[Name] extends { calibration: Calibrate } ? Name : never
}[Precision]

/**
 * What the language models of a bundle compute in; the classifier is always in FP32. With 'fp8' the products of ESM-2 are
 * in FP8 and everything else is in BF16; with 'int8' the products of both models are in INT8 and everything else is in FP32.
 *
 * `calibrate` is a FASTA file of nucleotides like those of later runs, or by default an example. With it the correction of
 * embeddings is found and the accuracy measured; in FP16 nothing is corrected, and all numbers are seen to fit. False for
 * neither.
 */
export type Quantization =
  | { readonly precision?: 'fp32' }
  | { readonly precision: PrecisionsThat<'example'>; readonly calibrate?: string }
  | { readonly precision: PrecisionsThat<'optional'>; readonly calibrate?: string | false }
  | {
      readonly precision: PrecisionsThat<'required'>
      readonly calibrate: string
      /** Largest error of a product, relative to how much it differs between tokens; others stay in BF16. @default 0.1 */
      readonly tolerance?: number | undefined
    }

/** The part of an import that is about rechecking. */
export interface Rechecking {
  /**
   * Beside a quantized ESM-2 the same model in a precision of more digits, which can decide what the quantized one leaves open:
   * BF16 or FP16 beside FP8, FP32 beside INT8. How far the two are apart is measured later. @default 'auto': with FP8 alone
   */
  readonly recheck?: RecheckChoice
}

/**
 * What a bundle is made from, and what it shall be. `esm` is a fair-esm `.pt` file of ESM-2, or a Hugging Face folder or weight
 * file; `dnabert` is a Hugging Face folder of DNABERT-S with weights, config.json and tokenizer.json.
 */
export type ImportOptions = Quantization &
  Rechecking & {
    readonly [Name in ModelName as (typeof MODELS)[Name]['short']]: string
  } & {
    readonly mlp: ClassifierFiles
    /** Bases of the chunks that a single classifier was made for. @default from the name of a published file; else unknown */
    readonly chunkLength?: number
    /** Folder to make. */
    readonly output: string
    /**
     * `fused`: attention is one operator, which `model_repository/python/attention.cu` computes in TensorRT plans hosted by
     * the Python backend, and nothing else can. For GPUs. @default 'standard'
     */
    readonly attention?: 'standard' | 'fused'
    /** Replace a bundle that is there already. @default false */
    readonly force?: boolean
    /** Recorded in the manifest. @default the name of the folder */
    readonly name?: string
    /** Recorded in the manifest. @default now */
    readonly created?: Date
    /** Marks a bundle whose calls mean nothing. @default false */
    readonly demo?: boolean
    /** Is given words about what is being done. */
    readonly onProgress?: (message: string) => void
    readonly signal?: AbortSignal
  }

const DEFAULT_TOLERANCE = 0.1

const TOOL = { name: packageManifest.name, version: packageManifest.version }

/**
 * Makes a bundle from users' own weight files. All are opened, checked and compared before anything
 * is written; weights are then streamed, so a model larger than memory can be imported.
 *
 * @throws ModelError when a file is not the model it is given as, or the models do not belong together;
 * BundleError when the folder is taken; TorchFileError when a file is damaged or unsafe
 */
export async function importModels(options: ImportOptions): Promise<Bundle> {
  const { precision = 'fp32', signal, onProgress } = options
  const isFused = options.attention === 'fused'
  checkOptions(options)
  await using opened = new AsyncDisposableStack()
  const models = await openModels(options, opened)
  const { language, classifiers } = models
  if (isFused) checkHeads(language)
  const plain = forModels((name) => graphOptions(precision, name, isFused))
  const partner = chosenPartner(precision, options.recheck)

  const unchanged = await rememberSources(
    [...Object.values(language), ...classifiers.map(({ model }) => model)].flatMap(({ files }) => files),
  )
  const output = resolve(options.output)
  const calibrate = calibrationFile(options)
  const bytes = MODEL_NAMES.reduce((sum, name) => sum + weightBytes(language[name].graph(plain[name])), 0)
  const mostBytes = Math.max(
    bytes +
      partnerBytes(language, partner) +
      classifiers.reduce((sum, { model }) => sum + weightBytes(model.graph()), 0),
    calibrate === undefined ? 0 : calibrationBytes(language),
  )
  const inputs = [
    ...MODEL_NAMES.map((name) => options[MODELS[name].short]),
    ...classifiers.map(({ path }) => path),
    calibrate,
  ]
  await createBundle({ output, force: options.force ?? false, mostBytes, inputs }, async (folder) => {
    const quantized = await quantize(models, calibrate, options, folder)
    const { measured, ofModels } = quantized
    const graphs = forModels((name) => language[name].graph({ ...plain[name], ...quantized.options[name] }))
    const target = { folder, signal, onProgress }
    const partners = await preparePartner(models, partner, calibrate, options, folder)
    const manifest: Manifest = {
      format: BUNDLE_FORMAT,
      version: layoutVersion(classifiers.length, partner !== undefined),
      name: options.name ?? basename(output),
      created: (options.created ?? new Date()).toISOString(),
      tool: TOOL,
      precision,
      ...(isFused && { attention: 'fused' }),
      demo: options.demo ?? false,
      ...(measured && { [precision]: measured }),
      models: {
        ...(await eachModel(async (name) => ({
          ...(await writeLanguageModel(language[name], graphs[name], target)),
          ...ofModels?.[name],
          ...(await partners[name]?.(target)),
        }))),
        ...listClassifiers(await writeClassifiers(classifiers, target)),
      },
    }
    await unchanged()
    await Bun.write(join(folder, MANIFEST_FILE), manifestText(manifest))
  })
  return await openBundle(output)
}

/** The parts of the union that a program without types may get wrong. @throws UsageError */
function checkOptions(options: ImportOptions): void {
  const { label, device, calibration } = precisionFacts(options.precision ?? 'fp32')
  const calibrate = 'calibrate' in options ? options.calibrate : undefined
  if (calibration === undefined && calibrate !== undefined)
    throw new UsageError(`${label} is not calibrated: it takes no sequences`)
  if (calibration === 'required' && typeof calibrate !== 'string')
    throw new UsageError(`${label} needs sequences to calibrate with`)
  if (calibrate === false && calibration !== 'optional')
    throw new UsageError(`${label} cannot do without calibration`)
  if ('tolerance' in options && options.tolerance !== undefined && options.precision !== 'fp8')
    throw new UsageError(`${label} has no tolerance: that is for FP8`)
  chosenPartner(options.precision ?? 'fp32', options.recheck)
  if (options.attention === 'fused' && device === 'cpu')
    throw new UsageError(`fused attention is for GPUs, and ${label} is not`)
}

/** What to calibrate with; undefined where nothing is. */
function calibrationFile(options: ImportOptions): string | undefined {
  if (precisionFacts(options.precision ?? 'fp32').calibration === undefined) return undefined
  const calibrate = 'calibrate' in options ? options.calibrate : undefined
  return calibrate === false ? undefined : (calibrate ?? EXAMPLE_SEQUENCES)
}

/** Opens, checks and compares all that a bundle is made from. @throws ModelError {@link DimensionMismatchError} TorchFileError */
export async function openModels(
  options: Omit<ImportOptions, 'output'>,
  opened: AsyncDisposableStack,
): Promise<OpenedModels & { classifiers: OpenedClassifier[] }> {
  const language = await eachModel(async (name) =>
    opened.use(await OPENERS[name](options[MODELS[name].short])),
  )
  const widths = forModels((name) => language[name].shape.width)
  const classifiers = await openClassifiers(options.mlp, options.chunkLength, widths, opened)
  const ofCalibration = classifiers.find(({ chunkLength }) => chunkLength === CHUNK_LENGTH) ?? classifiers[0]!
  return { language, mlp: ofCalibration.model, classifiers }
}

/** What calibration writes in FP32 before there are weights: a model as a whole, or two of its layers. */
function calibrationBytes(language: OpenedModels['language']): number {
  const bytes = MODEL_NAMES.map((name) => {
    const { pieces, shape, graph } = language[name]
    return pieces === undefined ? weightBytes(graph({})) : (2 * weightBytes(graph({}))) / shape.layers
  })
  return Math.max(...bytes)
}

function checkHeads(language: OpenedModels['language']): void {
  for (const name of MODEL_NAMES) {
    const { width, heads } = language[name].shape
    const size = width / heads
    if (hasKernel({ width, heads })) continue
    throw new ModelError(
      `the attention kernel takes heads of ${FUSED_SIZES.join(', ')} numbers; those of ${name} have ${size}`,
      { detail: { code: 'no-kernel', data: {} } },
    )
  }
}

async function quantize(
  models: OpenedModels,
  calibrate: string | undefined,
  options: ImportOptions,
  folder: string,
): Promise<Quantized> {
  const { precision = 'fp32', onProgress, signal } = options
  const quantizer = QUANTIZERS[precision]
  if (calibrate === undefined || quantizer.calibrate === undefined) return { options: {} }
  return await quantizer.calibrate(models, howTo(calibrate, options), { folder, onProgress, signal })
}

function howTo(calibrate: string, options: ImportOptions): QuantizeOptions {
  const tolerance = ('tolerance' in options ? options.tolerance : undefined) ?? DEFAULT_TOLERANCE
  return { calibrate, tolerance, isFused: options.attention === 'fused' }
}

/** What writes the partner of a model, and returns what the manifest says of it. */
type WritePartner = (target: Target) => Promise<Pick<Manifest['models'][ModelName], 'recheck'>>

/** Finds what the graphs of partners are written with. */
async function preparePartner(
  { language }: OpenedModels,
  precision: GraphPrecision | undefined,
  calibrate: string | undefined,
  options: ImportOptions,
  folder: string,
): Promise<Partial<Record<ModelName, WritePartner>>> {
  const partners: Partial<Record<ModelName, WritePartner>> = {}
  if (precision === undefined) return partners
  const { attention, onProgress, signal } = options
  for (const name of MODEL_NAMES) {
    const part = partnerOf(name)
    if (part === undefined) continue
    const how = calibrate === undefined ? undefined : howTo(calibrate, options)
    const context = { folder, onProgress, signal }
    const graph = await partnerOptions(language[name], precision, how, attention === 'fused', context)
    partners[name] = async (target) => {
      const { graph: file, weights } = await write(part, language[name].graph(graph), target, false)
      if (weights === undefined) throw new Error(`${part}: no weights were written`)
      return { recheck: { precision, graph: file, weights } }
    }
  }
  return partners
}

/** Of the weights of partners. */
function partnerBytes(language: OpenedModels['language'], precision: GraphPrecision | undefined): number {
  if (precision === undefined) return 0
  const partnered = MODEL_NAMES.filter((name) => partnerOf(name) !== undefined)
  return partnered.reduce((sum, name) => sum + weightBytes(language[name].graph({ precision })), 0)
}

interface Target {
  readonly folder: string
  readonly signal: AbortSignal | undefined
  readonly onProgress: ImportOptions['onProgress'] | undefined
}

async function writeLanguageModel(model: LanguageModel, graph: GraphBuilder, target: Target) {
  const { name, shape, padId, tokenizer } = model
  const { layers, width, heads, hidden, vocabulary } = shape
  const { maxResidues } = modelFacts(name)
  const written = await write(name, graph, target, false)
  if (written.weights === undefined) throw new Error(`${name}: no weights were written`)
  return {
    kind: name,
    ...{ layers, width, heads, hidden, dimension: width, vocabulary },
    ...(maxResidues !== undefined && { maxResidues }),
    padId,
    graph: written.graph,
    weights: written.weights,
    source: await sources(name, model, target),
    ...(tokenizer && {
      tokenizer: await writeBundleFile(target.folder, `${name}/tokenizer.json`, tokenizer),
    }),
  }
}

async function writeClassifiers(
  classifiers: readonly OpenedClassifier[],
  target: Target,
): Promise<ClassifierRecord[]> {
  const records: ClassifierRecord[] = []
  for (const [i, classifier] of classifiers.entries()) {
    const part = classifierPart(i, classifier.chunkLength)
    const { graph } = await write(part, classifier.model.graph(), target, true)
    target.onProgress?.(checksums(part))
    records.push(await describeClassifier(classifier, graph, target.signal))
  }
  return records
}

async function write(
  part: string,
  graph: GraphBuilder,
  { folder, signal, onProgress }: Target,
  inline: boolean,
): Promise<{ graph: BundleFile; weights?: BundleFile }> {
  onProgress?.(`${part}: writing ${(weightBytes(graph) / 1e6).toFixed(1)} MB of weights`)
  const place = join(folder, part)
  await mkdir(place, { recursive: true })
  const written = await writeModel(graph, {
    folder: place,
    inline,
    producer: PRODUCER,
    ...(signal && { signal }),
  })
  const placed = ({ file, bytes, sha256 }: typeof written.graph) => ({
    path: `${part}/${file}`,
    bytes,
    sha256,
  })
  return { graph: placed(written.graph), ...(written.weights && { weights: placed(written.weights) }) }
}

async function sources(part: string, model: OpenedModel, { signal, onProgress }: Target) {
  onProgress?.(checksums(part))
  return await recordSources(model.files, model.licence, signal)
}

function checksums(part: string): string {
  return `${part}: computing checksums of the files it came from`
}
