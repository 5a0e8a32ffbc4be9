import { basename } from 'node:path'
import * as v from 'valibot'
import { sha256 } from '../system/sha256.ts'
import {
  forModels,
  type HostedName,
  MODEL_NAMES,
  type ModelName,
  modelFacts,
  modelOf,
  partnerOf,
} from './models.ts'
import { computesOnCpu, PRECISION_NAMES, type Precision, precisionFacts } from './precisions.ts'

/** Version of the layout of a bundle with one classifier; raised when an older program could not use a newer bundle. */
export const BUNDLE_VERSION = 1
/** With more than one: a program that knows one only would take it for chunks of any length. */
export const CLASSIFIERS_VERSION = 2
/** With a partner of a quantized model: a program that knows none would lose it when it adds a classifier. */
export const PARTNER_VERSION = 3
/** What this program reads. */
export const BUNDLE_VERSIONS = [BUNDLE_VERSION, CLASSIFIERS_VERSION, PARTNER_VERSION] as const
export const BUNDLE_FORMAT = 'virnucpro-bundle'
export const MANIFEST_FILE = 'manifest.json'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const size = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
const sha256Text = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits'))

/** A file of the bundle. Paths stay inside it: a manifest must not name any other file of the machine. */
const BundleFileSchema = v.object({
  path: v.pipe(
    v.string(),
    v.regex(/^[a-z0-9_]+\/[a-z0-9_]+(\.[a-z0-9]+)+$/, 'expected FOLDER/FILE inside the bundle'),
  ),
  bytes: count,
  sha256: sha256Text,
})

/** What a model was made from. */
const SourceSchema = v.object({
  /** SPDX identifier, or 'unknown' for a model that is not a published one. */
  licence: v.string(),
  files: v.array(v.object({ name: v.string(), bytes: count, sha256: sha256Text })),
})

const distance = { cosineMin: v.number(), cosineMean: v.number(), relativeErrorMax: v.number() }
const DistanceSchema = v.object(distance)

/** What products in FP8 cost, found with open reading frames of a user's. */
const Fp8Schema = v.object({
  /** Scale and error of every product, and what they were found with. */
  calibration: BundleFileSchema,
  /** Products in the graph, and those of them that stayed in BF16. */
  products: v.object({ all: size, bf16: count }),
  /** Embeddings against the FP32 model, simulated on frames that were not calibrated with. */
  accuracy: v.object({ sequences: size, ...distance, equalCalls: count }),
})

const PartnerSchema = v.object({
  precision: v.picklist(PRECISION_NAMES),
  graph: BundleFileSchema,
  weights: BundleFileSchema,
})

const languageModel = (kind: ModelName) =>
  v.object({
    kind: v.literal(kind),
    layers: size,
    width: size,
    heads: size,
    hidden: size,
    /** Numbers in an embedding. */
    dimension: size,
    /** Token ids the model has embeddings for. */
    vocabulary: size,
    /** Letters that enter the mean; longer sequences are still read whole. Absent: all. */
    maxResidues: v.optional(size),
    /** Id to fill the rest of a batch with; what it is makes no difference to any embedding. */
    padId: count,
    graph: BundleFileSchema,
    weights: BundleFileSchema,
    source: SourceSchema,
    /** Of a model that reads byte pairs. */
    tokenizer: v.optional(BundleFileSchema),
    fp8: v.optional(Fp8Schema),
    /** Of a quantized model: the same in another precision, which decides what the quantized one leaves open. */
    recheck: v.optional(PartnerSchema),
    /** Beside a model in FP8: what BF16 costs, after the correction of embeddings. */
    bf16: v.optional(v.object({ accuracy: v.object({ sequences: size, ...distance }) })),
  })

/**
 * What a precision costs: for INT8 and FP16 found by running the bundle's models, for BF16 by models with its weights that
 * compute in FP32, after the correction of embeddings.
 */
const MeasuredSchema = v.object({
  /** Nucleotides whose open reading frames were calibrated and measured with. */
  input: v.object({ name: v.string(), bytes: count, sha256: sha256Text }),
  /** Embeddings against the FP32 models, of frames that were not calibrated with. */
  accuracy: v.object({ sequences: size, ...forModels(() => DistanceSchema), equalCalls: count }),
  /** With FP16: the largest magnitude of any number inside the models, which its range must hold. */
  largest: v.optional(v.number()),
})

const ClassifierSchema = v.object({
  kind: v.literal('mlp'),
  input: size,
  hidden: size,
  /** In the order of the graph's output. */
  classes: v.array(v.string()),
  /** Bases of the chunks that it was made for; absent where nobody has said it. */
  chunkLength: v.optional(size),
  graph: BundleFileSchema,
  source: SourceSchema,
})

const DescribedSchema = v.object({
  format: v.literal(BUNDLE_FORMAT),
  version: v.picklist(BUNDLE_VERSIONS),
  name: v.string(),
  /** ISO 8601, UTC. */
  created: v.pipe(v.string(), v.isoTimestamp()),
  /** Program that wrote the bundle. */
  tool: v.object({ name: v.string(), version: v.string() }),
  precision: v.picklist(PRECISION_NAMES),
  /** The graphs leave attention to our own kernel: only plans in the Python backend can have that. Absent: ONNX throughout. */
  attention: v.optional(v.literal('fused')),
  /** Random weights made to show how the program works: what it calls means nothing. */
  demo: v.boolean(),
  /** Under the name of the precision, unless nothing was measured. FP8 has its own with each model. */
  ...(Object.fromEntries(PRECISION_NAMES.map((name) => [name, v.optional(MeasuredSchema)])) as Record<
    Precision,
    v.OptionalSchema<typeof MeasuredSchema, undefined>
  >),
  models: v.object({
    ...forModels(languageModel),
    /** The first of the classifiers, which most bundles have alone. */
    mlp: ClassifierSchema,
    /** The others, each for chunks of another length. */
    classifiers: v.optional(v.pipe(v.array(ClassifierSchema), v.minLength(1))),
  }),
})

export const ManifestSchema = v.pipe(
  DescribedSchema,
  v.check(belongsTogether, 'precision, attention, models and what was measured do not belong together'),
  v.check(
    areDistinct,
    'several classifiers need the layout of version 2, a partner that of version 3, and each classifier a chunk length of its own',
  ),
)

/** What a precision or a model alone has: a bundle of another is not what its manifest says. */
function belongsTogether(manifest: v.InferOutput<typeof DescribedSchema>): boolean {
  const { precision, attention, models } = manifest
  if (attention === 'fused' && computesOnCpu(precision)) return false
  if (PRECISION_NAMES.some((name) => name !== precision && manifest[name] !== undefined)) return false
  const isQuantized = MODEL_NAMES.some((name) => models[name].fp8 !== undefined)
  if (isQuantized !== (precision === 'fp8')) return false
  return MODEL_NAMES.every((name) => {
    const { tokenizer, maxResidues } = modelFacts(name)
    const found = models[name]
    if (found.recheck !== undefined && !mayHavePartner(name, precision, found.recheck.precision)) return false
    return (
      (found.tokenizer !== undefined) === (tokenizer === 'file') &&
      (found.maxResidues !== undefined) === (maxResidues !== undefined)
    )
  })
}

function mayHavePartner(model: ModelName, precision: Precision, partner: Precision): boolean {
  const partners: readonly Precision[] = precisionFacts(precision).partners ?? []
  return partnerOf(model) !== undefined && partners.includes(partner)
}

function areDistinct(manifest: v.InferOutput<typeof DescribedSchema>): boolean {
  const all = classifiersOf(manifest)
  if (manifest.version !== layoutVersion(all.length, hasPartner(manifest))) return false
  const lengths = new Set(all.map(({ chunkLength }) => chunkLength))
  return all.length === 1 || (lengths.size === all.length && !lengths.has(undefined))
}

/** The version of the layout of a bundle with so many classifiers. */
export function layoutVersion(classifiers: number, isPartnered = false): (typeof BUNDLE_VERSIONS)[number] {
  if (isPartnered) return PARTNER_VERSION
  return classifiers > 1 ? CLASSIFIERS_VERSION : BUNDLE_VERSION
}

/** What `manifest.json` says: which files a bundle has, and what they are. @interface */
export type Manifest = v.InferOutput<typeof ManifestSchema>
export type Measured = v.InferOutput<typeof MeasuredSchema>
/** A file of a bundle: path in it, size and SHA-256. @interface */
export type BundleFile = v.InferOutput<typeof BundleFileSchema>
/** A classifier of a bundle: its graph, what it was made from, the chunks it is for. @interface */
export type ClassifierRecord = v.InferOutput<typeof ClassifierSchema>
/** The files that a model was imported from, and their licence. @interface */
export type SourceRecord = v.InferOutput<typeof SourceSchema>

const NO_CHECKSUM = '0'.repeat(64)

/** The text of `manifest.json`: the manifest and, last, a checksum of all other bytes of the file. */
export function manifestText(manifest: Manifest): string {
  const { checksum: _, ...fields } = manifest as Manifest & { checksum?: string }
  const text = `${JSON.stringify({ ...fields, checksum: NO_CHECKSUM }, null, 2)}\n`
  // The last one: a digest of zeros may stand anywhere before it.
  const at = text.lastIndexOf(NO_CHECKSUM)
  return text.slice(0, at) + sha256(text) + text.slice(at + NO_CHECKSUM.length)
}

/** Fields of manifests that had no checksum yet. */
const FIRST_FIELDS: ReadonlySet<string> = new Set([
  ...['format', 'version', 'name', 'created', 'tool', 'precision', 'attention', 'demo'],
  ...['bf16', 'fp16', 'int8', 'models'],
])

/**
 * Whether a manifest is as it was written. One of an older version, which has no checksum, has no field that those versions
 * did not write: not even `checksum` with a damaged letter.
 */
export function isIntact(bytes: Buffer, fields: Readonly<Record<string, unknown>>): boolean {
  const { checksum } = fields
  if (checksum === undefined) return Object.keys(fields).every((field) => FIRST_FIELDS.has(field))
  if (typeof checksum !== 'string' || !/^[0-9a-f]{64}$/.test(checksum)) return false
  const at = bytes.lastIndexOf(checksum)
  const zeroed = Buffer.from(bytes)
  zeroed.write(NO_CHECKSUM, at, 'latin1')
  return at >= 0 && sha256(zeroed) === checksum
}

/** Every file of a bundle except the manifest. */
export function filesOf(manifest: Manifest): BundleFile[] {
  return filesWith(
    manifest,
    classifiersOf(manifest).map(({ graph }) => graph),
  )
}

function filesWith({ models }: Pick<Manifest, 'models'>, classifiers: readonly BundleFile[]): BundleFile[] {
  const languageModels = MODEL_NAMES.map((name) => models[name])
  return [
    ...languageModels.flatMap(({ graph, weights, tokenizer }) => [graph, weights, tokenizer ?? []].flat()),
    ...classifiers,
    ...languageModels.flatMap(({ fp8 }) => fp8?.calibration ?? []),
    ...languageModels.flatMap(({ recheck }) =>
      recheck === undefined ? [] : [recheck.graph, recheck.weights],
    ),
  ]
}

/** Whether a quantized model of the bundle has its partner beside it. */
export function hasPartner({ models }: Pick<Manifest, 'models'>): boolean {
  return MODEL_NAMES.some((name) => models[name].recheck !== undefined)
}

/** What a bundle has a graph of: its language models, then their partners. */
export function hostedNames({ models }: Pick<Manifest, 'models'>): HostedName[] {
  const partners = MODEL_NAMES.flatMap((name) =>
    models[name].recheck === undefined ? [] : (partnerOf(name) ?? []),
  )
  return [...MODEL_NAMES, ...partners]
}

/** A model of a bundle as it is hosted: a partner has the dimensions of its model, and files and a precision of its own. */
export type HostedModel = Manifest['models'][ModelName] & { readonly precision: Precision }

/** @throws Error for a partner that the bundle does not have: see {@link hostedNames} */
export function hostedModel({ models, precision }: Manifest, hosted: HostedName): HostedModel {
  const model = models[modelOf(hosted)]
  if (modelOf(hosted) === hosted) return { ...model, precision }
  if (model.recheck === undefined) throw new Error(`the bundle has no ${hosted}`)
  return { ...model, ...model.recheck }
}

/** Graph and weights of every language model: what ONNX Runtime opens by path. */
export function graphFiles({ models }: Manifest): BundleFile[] {
  return MODEL_NAMES.flatMap((name) => [models[name].graph, models[name].weights])
}

/** Where the first classifier of a bundle lies. */
export const CLASSIFIER_FILE = 'mlp/model.onnx'

/**
 * Identity of what a run with one of the classifiers computes: equal for bundles whose graphs, weights and tokenizer are
 * equal byte for byte, whenever and wherever they were made, and whatever other classifiers they have. 64 hexadecimal digits.
 *
 * @param classifier - @default the first
 */
export function bundleDigest(manifest: Manifest, classifier: ClassifierRecord = manifest.models.mlp): string {
  // As in a bundle that has no other: runs that were begun with such a one go on.
  return digestOf(filesWith(manifest, [{ ...classifier.graph, path: CLASSIFIER_FILE }]))
}

/**
 * Identity of the files of the language models alone: equal for bundles that differ in their classifiers. 64 hexadecimal
 * digits.
 */
export function backbonesDigest(manifest: Manifest): string {
  return digestOf(filesWith(manifest, []))
}

function digestOf(files: readonly BundleFile[]): string {
  return sha256(files.map(({ path, sha256 }) => `${path} ${sha256}\n`).join(''))
}

/**
 * Short name of the language models of a bundle: made of their precision, that of a partner, and of the files that they were imported from,
 * whatever the classifiers. 16 hexadecimal digits.
 */
export function backbonesId({ models, precision, attention }: BackbonesSource): string {
  const form = [
    ...(attention === undefined ? [] : [attention]),
    ...MODEL_NAMES.flatMap((name) => {
      const { recheck } = models[name]
      return recheck === undefined ? [] : [`${partnerOf(name)} ${recheck.precision}`]
    }),
  ]
  return sha256(
    [precision, ...form, ...MODEL_NAMES.map((name) => sourceDigest(models[name]))].join('\n'),
  ).slice(0, 16)
}

/** What the name of language models is made of. */
export interface BackbonesSource extends Pick<Manifest, 'precision' | 'attention'> {
  readonly models: Readonly<
    Record<
      ModelName,
      {
        readonly source: Pick<SourceRecord, 'files'>
        readonly recheck?: { readonly precision: Precision } | undefined
      }
    >
  >
}

/**
 * Identity of the weight files that a model was made from: equal for bundles of different precision made from the
 * same files. 64 hexadecimal digits.
 */
export function sourceDigest({ source }: { source: Pick<SourceRecord, 'files'> }): string {
  const sums = source.files.map(({ sha256 }) => sha256).sort()
  return sha256(sums.join('\n'))
}

/**
 * Identity of the numbers that one of the models gives: of the files it was made from, its graph and weights, its precision
 * and the form of its attention. Equal wherever and by whatever server these are computed, also for a partner and for the
 * same model in a bundle of that precision. 64 hexadecimal digits.
 */
export function modelDigest(manifest: Manifest, hosted: HostedName): string {
  const { graph, weights, precision, source } = hostedModel(manifest, hosted)
  const parts = [
    modelOf(hosted),
    sourceDigest({ source }),
    precision,
    manifest.attention ?? 'onnx',
    graph.sha256,
    weights.sha256,
  ]
  return sha256(parts.join('\n'))
}

/**
 * The version number under which a server has the model of a digest. A request names it, so that a server which has
 * another model by then, for whatever reason, answers that it lacks this version instead of computing.
 *
 * A decimal number of 60 bits whose first bit is set: Triton reads versions as signed integers of 64 bits, takes no
 * leading zeros, and hand-made repositories have small numbers.
 */
export function servedVersion(digest: string): string {
  return String(BigInt(`0x${digest.slice(0, 15)}`) | (1n << 59n))
}

/** Positions that the table of angles of a graph covers, that of the attention kernel included. */
export const TABLE_POSITIONS = 4096

/** First compute capability of GPUs that the kernel of fused attention runs on. */
export const KERNEL_CAPABILITY = 8

/** Chunk length that a classifier was made for, by the name of its file: VirNucPro's own two have it there. */
export function publishedLength(path: string): number | undefined {
  const found = /^(300|500)_model\.pth$/.exec(basename(path))?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Chunk length that the first classifier of a bundle was made for; undefined where nobody has said it. */
export function classifierLength(manifest: Manifest): number | undefined {
  return classifiersOf(manifest)[0]?.chunkLength
}

/** The classifiers of a bundle, one or more, with the chunk lengths that they were made for: undefined where nobody has said it. */
export function classifiersOf({ models }: Pick<Manifest, 'models'>): ClassifierRecord[] {
  return [models.mlp, ...(models.classifiers ?? [])].map(({ chunkLength, ...classifier }) => {
    const [file] = classifier.source.files
    // Bundles of version 0.1.0 have the name of its file only.
    const length = chunkLength ?? (file === undefined ? undefined : publishedLength(file.name))
    return { ...classifier, ...(length !== undefined && { chunkLength: length }) }
  })
}

/** The classifier of a bundle for chunks of so many bases; undefined where there is none that is known to be. */
export function classifierFor(manifest: Manifest, length: number): ClassifierRecord | undefined {
  return classifiersOf(manifest).find(({ chunkLength }) => chunkLength === length)
}
