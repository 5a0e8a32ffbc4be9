import { mkdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import packageManifest from '../../package.json' with { type: 'json' }
import { publishedLength } from '../bundle/chunk-length.ts'
import { createBundle } from '../bundle/create.ts'
import { DimensionMismatchError, ModelError } from '../bundle/errors.ts'
import {
  BUNDLE_FORMAT,
  BUNDLE_VERSION,
  type BundleFile,
  MANIFEST_FILE,
  type Manifest,
  type Measured,
  manifestText,
} from '../bundle/manifest.ts'
import { type Bundle, openBundle } from '../bundle/open.ts'
import { computesOnCpu } from '../bundle/precisions.ts'
import { type WrittenFile, weightBytes, writeModel } from '../onnx/index.ts'
import { UsageError } from '../system/errors.ts'
import type { GraphOptions } from './graphs/common.ts'
import { MAX_RESIDUES } from './graphs/esm2.ts'
import { FUSED_SIZES } from './graphs/fused-attention.ts'
import { type LoadedModel, loadDnabert, loadMlp, type OpenedEsm2, openEsm2, withGraph } from './load.ts'
import { calibrateBf16, calibrateDnabertBf16 } from './quantize/bf16-model.ts'
import type { CalibrationContext } from './quantize/context.ts'
import {
  CALIBRATION_FILE,
  calibrateFp8,
  type Fp8Model,
  type Fp8Options,
  fp8GraphOptions,
} from './quantize/fp8-model.ts'
import { measureFp16 } from './quantize/fp16-model.ts'
import { calibrateInt8, UNCALIBRATED } from './quantize/int8-model.ts'
import { EXAMPLE_SEQUENCES } from './quantize/orfs.ts'
import { recordSources } from './weights/provenance.ts'
import { watchSources } from './weights/unchanged.ts'

type BundlePrecision = Manifest['precision']

export interface ImportOptions {
  /** ESM-2: a fair-esm `.pt` file, or a Hugging Face folder or weight file. */
  readonly esm: string
  /** DNABERT-S: a Hugging Face folder with weights, config.json and tokenizer.json. */
  readonly dnabert: string
  /** Classifier: a pickled module, a state dict, or safetensors. */
  readonly mlp: string
  /** Bases of the chunks that the classifier was made for. @default from the name of a published file; else unknown */
  readonly chunkLength?: number
  /** Folder to make. */
  readonly output: string
  /**
   * Of the two language models; the classifier is always FP32. With 'fp8' the products of ESM-2 are in FP8 and everything
   * else is in BF16; with 'int8', for CPUs, the products of both are in INT8 and everything else is in FP32.
   * @default 'fp32'
   */
  readonly precision?: BundlePrecision
  /** What FP8 is calibrated with: needed for it, and for it alone. */
  readonly fp8?: Fp8Options
  /**
   * What embeddings get back of what BF16 takes is found with this: a FASTA file of nucleotides. 'uncorrected' leaves
   * embeddings as they come. For 'bf16' alone. @default {@link EXAMPLE_SEQUENCES}
   */
  readonly bf16?: { readonly calibrate: string } | 'uncorrected'
  /**
   * That all numbers fit FP16, and what it costs, is tried with this: a FASTA file of nucleotides. For 'fp16' alone.
   * @default {@link EXAMPLE_SEQUENCES}
   */
  readonly fp16?: { readonly calibrate: string } | 'untried'
  /** What INT8, and it alone, is calibrated with: a FASTA file of nucleotides. @default {@link EXAMPLE_SEQUENCES} */
  readonly int8?: { readonly calibrate: string }
  /**
   * `fused`: attention is one operator, which `model_repository/python/attention.cu` computes in TensorRT plans hosted by
   * the Python backend, and nothing else can. For 'bf16', 'fp16' and 'fp8'. @default 'standard'
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
  /** Told in words what is being done. */
  readonly onProgress?: (message: string) => void
  readonly signal?: AbortSignal
}

const TOOL = { name: packageManifest.name, version: packageManifest.version }

/** The program's own version stays out of the graphs: equal models give equal files whoever wrote them. */
export const PRODUCER = { name: packageManifest.name, version: `bundle ${BUNDLE_VERSION}` }

/** `<pad>` of the ESM-1b alphabet. */
const ESM_PAD_ID = 1

/**
 * Makes a bundle from users' own weight files. All three are opened, checked and compared before anything
 * is written; weights are then streamed, so a model larger than memory can be imported.
 *
 * @throws ModelError when a file is not the model it is given as, or the three do not belong together;
 * BundleError when the folder is taken; TorchFileError when a file is damaged or unsafe
 */
export async function importModels(options: ImportOptions): Promise<Bundle> {
  const precision = options.precision ?? 'fp32'
  const chunkLength = options.chunkLength ?? publishedLength(options.mlp)
  const madeFor = chunkLength === undefined ? {} : { chunkLength }
  const isFused = options.attention === 'fused'
  checkOptions(options, precision)
  const graphs = graphOptions(precision, isFused)
  await using esm2 = await openEsm2(options.esm)
  const plain = withGraph(esm2, graphs.esm2)
  await using dnabert = await loadDnabert(options.dnabert, graphs.dnabert)
  await using mlp = await loadMlp(options.mlp)
  const widths = { dnabert: dnabert.shape.width, esm2: esm2.shape.width, classifier: mlp.shape.input }
  if (widths.dnabert + widths.esm2 !== widths.classifier) throw new DimensionMismatchError(widths)
  if (isFused) checkHeads({ esm2: esm2.shape, dnabert_s: dnabert.shape })

  const unchanged = await watchSources([...esm2.files, ...dnabert.files, ...mlp.files])
  const output = resolve(options.output)
  const bytes = [plain, dnabert, mlp].reduce((sum, { graph }) => sum + weightBytes(graph), 0)
  const mostBytes = Math.max(bytes, await calibrationBytes(options, esm2))
  const { fp8: ofFp8, bf16, fp16, int8 } = options
  const calibrated = [ofFp8, bf16, fp16, int8].map((of) =>
    typeof of === 'object' ? of.calibrate : undefined,
  )
  const inputs = [options.esm, options.dnabert, options.mlp, ...calibrated]
  await createBundle({ output, force: options.force ?? false, mostBytes, inputs }, async (folder) => {
    const { signal, onProgress } = options
    const context = { folder, ...(onProgress && { onProgress }), ...(signal && { signal }) }
    const { fp8, besideFp8 } = await calibrateWithFp8(esm2, mlp, options, context)
    const measured = await measure(precision, esm2, mlp, options, context)
    const ofDnabert = measured?.options?.dnabert ?? besideFp8?.options
    const ofEsm2 = fp8?.options ?? measured?.options?.esm2
    const written = ofEsm2 === undefined ? plain : withGraph(esm2, { ...graphs.esm2, ...ofEsm2 })
    await using calibrated =
      ofDnabert && (await loadDnabert(options.dnabert, { ...graphs.dnabert, ...ofDnabert }))
    const manifest: Manifest = {
      format: BUNDLE_FORMAT,
      version: BUNDLE_VERSION,
      name: options.name ?? basename(output),
      created: (options.created ?? new Date()).toISOString(),
      tool: TOOL,
      precision,
      ...(isFused && { attention: 'fused' }),
      demo: options.demo ?? false,
      ...(measured && { [precision]: recordOf(measured) }),
      models: {
        esm2: {
          kind: 'esm2',
          ...dimensions(esm2.shape),
          maxResidues: MAX_RESIDUES,
          padId: ESM_PAD_ID,
          ...(await writeWithWeights(folder, 'esm2', written, options)),
          ...(fp8 && { fp8: await writeCalibration(folder, fp8) }),
        },
        dnabert_s: {
          kind: 'dnabert_s',
          ...dimensions(dnabert.shape),
          padId: dnabert.padId,
          ...(await writeWithWeights(folder, 'dnabert_s', calibrated ?? dnabert, options)),
          tokenizer: await writeTokenizer(folder, dnabert.tokenizer),
          ...(besideFp8 && { bf16: { accuracy: besideFp8.accuracy } }),
        },
        mlp: {
          kind: 'mlp',
          input: mlp.shape.input,
          hidden: mlp.shape.hidden,
          classes: ['others', 'virus'],
          ...madeFor,
          ...(await writeInline(folder, 'mlp', mlp, options)),
        },
      },
    }
    await unchanged()
    await Bun.write(join(folder, MANIFEST_FILE), manifestText(manifest))
  })
  return await openBundle(output)
}

/** @throws UsageError for options that do not belong together */
function checkOptions(options: ImportOptions, precision: BundlePrecision): void {
  if ((precision === 'fp8') !== (options.fp8 !== undefined))
    throw new UsageError('the options for FP8 belong to a bundle in FP8, and it needs them')
  for (const other of ['int8', 'bf16', 'fp16'] as const) {
    if (precision !== other && options[other] !== undefined)
      throw new UsageError(
        `the options for ${other.toUpperCase()} belong to a bundle in ${other.toUpperCase()}`,
      )
  }
  if (options.attention === 'fused' && computesOnCpu(precision))
    throw new UsageError(
      `fused attention is for GPUs: for bundles in BF16, FP16 or FP8, not ${precision.toUpperCase()}`,
    )
}

/** What calibration writes in FP32 before there are weights: DNABERT-S, then two layers of ESM-2 at most. */
async function calibrationBytes(
  { precision = 'fp32', bf16, fp16, dnabert }: ImportOptions,
  esm2: OpenedEsm2,
): Promise<number> {
  if (precision === 'fp32' || bf16 === 'uncorrected' || fp16 === 'untried') return 0
  await using exact = await loadDnabert(dnabert, {})
  return Math.max(weightBytes(exact.graph), (2 * weightBytes(withGraph(esm2, {}).graph)) / esm2.shape.layers)
}

/** What the graphs are written with, where calibration adds nothing. */
function graphOptions(
  precision: BundlePrecision,
  isFused: boolean,
): { esm2: GraphOptions; dnabert: GraphOptions } {
  if (precision === 'int8') return { esm2: UNCALIBRATED, dnabert: UNCALIBRATED }
  const plain: GraphOptions = {
    precision: precision === 'fp8' ? 'bf16' : precision,
    ...(isFused && { form: { attention: 'fused' } }),
  }
  return { esm2: precision === 'fp8' ? fp8GraphOptions(isFused) : plain, dnabert: plain }
}

function checkHeads(shapes: Record<string, { width: number; heads: number }>): void {
  for (const [model, { width, heads }] of Object.entries(shapes)) {
    const size = width / heads
    if (FUSED_SIZES.includes(size)) continue
    throw new ModelError(
      `the attention kernel takes heads of ${FUSED_SIZES.join(', ')} numbers; those of ${model} have ${size}. ` +
        'Import it without --attention fused.',
    )
  }
}

/** What a bundle in FP8 has of calibration: ESM-2 in FP8, DNABERT-S in BF16 beside it. */
async function calibrateWithFp8(
  esm2: OpenedEsm2,
  mlp: LoadedModel<unknown>,
  { dnabert, fp8, attention }: ImportOptions,
  context: CalibrationContext,
) {
  if (fp8 === undefined) return {}
  const isFused = attention === 'fused'
  return {
    fp8: await calibrateFp8(esm2, { dnabert, mlp }, fp8, { ...context, isFused }),
    besideFp8: await calibrateDnabertBf16(dnabert, fp8.calibrate, context),
  }
}

/** What is recorded of a precision, and what the graphs get to make up for some of what it costs. */
interface Measurement extends Measured {
  readonly options?: { readonly esm2: GraphOptions; readonly dnabert: GraphOptions }
}

/** What BF16, FP16 and INT8 cost, and what makes up for some of it. */
async function measure(
  precision: BundlePrecision,
  esm2: OpenedEsm2,
  mlp: LoadedModel<unknown>,
  { dnabert, bf16, fp16, int8 }: ImportOptions,
  context: CalibrationContext,
): Promise<Measurement | undefined> {
  const others = { dnabert, mlp }
  if (precision === 'fp16' && fp16 !== 'untried')
    return await measureFp16(esm2, others, fp16?.calibrate ?? EXAMPLE_SEQUENCES, context)
  if (precision === 'int8')
    return await calibrateInt8(esm2, others, int8?.calibrate ?? EXAMPLE_SEQUENCES, context)
  if (precision !== 'bf16' || bf16 === 'uncorrected') return undefined
  return await calibrateBf16(esm2, others, bf16?.calibrate ?? EXAMPLE_SEQUENCES, context)
}

function recordOf({ options: _, ...record }: Measurement): Measured {
  return record
}

type Part = 'esm2' | 'dnabert_s' | 'mlp'

async function writeWithWeights(
  folder: string,
  part: Part,
  model: LoadedModel<unknown>,
  options: ImportOptions,
) {
  const { graph, weights } = await write(folder, part, model, options, false)
  if (weights === undefined) throw new Error(`${part}: no weights were written`)
  return {
    graph: placed(part, graph),
    weights: placed(part, weights),
    source: await sources(part, model, options),
  }
}

async function writeInline(folder: string, part: Part, model: LoadedModel<unknown>, options: ImportOptions) {
  const { graph } = await write(folder, part, model, options, true)
  return { graph: placed(part, graph), source: await sources(part, model, options) }
}

async function write(
  folder: string,
  part: Part,
  { graph }: LoadedModel<unknown>,
  { signal, onProgress }: ImportOptions,
  inline: boolean,
) {
  onProgress?.(`${part}: writing ${(weightBytes(graph) / 1e6).toFixed(1)} MB of weights`)
  const target = join(folder, part)
  await mkdir(target)
  return await writeModel(graph, { folder: target, inline, producer: PRODUCER, ...(signal && { signal }) })
}

async function sources(part: Part, model: LoadedModel<unknown>, { signal, onProgress }: ImportOptions) {
  onProgress?.(`${part}: computing checksums of the files it came from`)
  return await recordSources(model.files, model.licence, signal)
}

async function writeCalibration(folder: string, { products, accuracy, record }: Fp8Model) {
  const calibration = await writeSmall(folder, CALIBRATION_FILE, new TextEncoder().encode(record))
  return { calibration, products, accuracy }
}

function writeTokenizer(folder: string, content: Uint8Array): Promise<BundleFile> {
  return writeSmall(folder, 'dnabert_s/tokenizer.json', content)
}

async function writeSmall(folder: string, path: string, content: Uint8Array): Promise<BundleFile> {
  await Bun.write(join(folder, path), content)
  const sha256 = new Bun.CryptoHasher('sha256').update(content).digest('hex')
  return { path, bytes: content.length, sha256 }
}

function placed(part: Part, { file, bytes, sha256 }: WrittenFile): BundleFile {
  return { path: `${part}/${file}`, bytes, sha256 }
}

function dimensions(shape: {
  layers: number
  width: number
  heads: number
  hidden: number
  vocabulary: number
}) {
  const { layers, width, heads, hidden, vocabulary } = shape
  return { layers, width, heads, hidden, dimension: width, vocabulary }
}
