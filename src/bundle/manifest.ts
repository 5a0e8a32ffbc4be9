import { basename } from 'node:path'
import * as v from 'valibot'
import { sha256 } from '../system/sha256.ts'
import { forModels, MODEL_NAMES, type ModelName, modelFacts } from './models.ts'
import { computesOnCpu, PRECISION_NAMES, type Precision } from './precisions.ts'

/** Version of the bundle's layout; raised when an older program could not use a newer bundle. */
export const BUNDLE_VERSION = 1
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

const DescribedSchema = v.object({
  format: v.literal(BUNDLE_FORMAT),
  version: v.literal(BUNDLE_VERSION),
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
    mlp: v.object({
      kind: v.literal('mlp'),
      input: size,
      hidden: size,
      /** In the order of the graph's output. */
      classes: v.array(v.string()),
      /** Bases of the chunks that it was made for; absent where nobody has said it. */
      chunkLength: v.optional(size),
      graph: BundleFileSchema,
      source: SourceSchema,
    }),
  }),
})

export const ManifestSchema = v.pipe(
  DescribedSchema,
  v.check(belongsTogether, 'precision, attention, models and what was measured do not belong together'),
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
    return (
      (found.tokenizer !== undefined) === (tokenizer === 'file') &&
      (found.maxResidues !== undefined) === (maxResidues !== undefined)
    )
  })
}

/** What `manifest.json` says: which files a bundle has, and what they are. @interface */
export type Manifest = v.InferOutput<typeof ManifestSchema>
export type Measured = v.InferOutput<typeof MeasuredSchema>
/** A file of a bundle: path in it, size and SHA-256. @interface */
export type BundleFile = v.InferOutput<typeof BundleFileSchema>
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
export function filesOf({ models }: Manifest): BundleFile[] {
  const languageModels = MODEL_NAMES.map((name) => models[name])
  return [
    ...languageModels.flatMap(({ graph, weights, tokenizer }) => [graph, weights, tokenizer ?? []].flat()),
    models.mlp.graph,
    ...languageModels.flatMap(({ fp8 }) => fp8?.calibration ?? []),
  ]
}

/** Graph and weights of every language model: what ONNX Runtime opens by path. */
export function graphFiles({ models }: Manifest): BundleFile[] {
  return MODEL_NAMES.flatMap((name) => [models[name].graph, models[name].weights])
}

/**
 * Identity of what a bundle computes: equal for bundles whose graphs, weights and tokenizer are equal byte
 * for byte, whenever and wherever they were made. 64 hexadecimal digits.
 */
export function bundleDigest(manifest: Manifest): string {
  const lines = filesOf(manifest).map(({ path, sha256 }) => `${path} ${sha256}\n`)
  return sha256(lines.join(''))
}

/**
 * Identity of the weight files that a model was made from: equal for bundles of different precision made from the
 * same files. 64 hexadecimal digits.
 */
export function sourceDigest({ source }: { source: SourceRecord }): string {
  const sums = source.files.map(({ sha256 }) => sha256).sort()
  return sha256(sums.join('\n'))
}

/**
 * Identity of the numbers that one of the models gives: of the files it was made from, its graph and weights, its precision
 * and the form of its attention. Equal wherever and by whatever server these are computed. 64 hexadecimal digits.
 */
export function modelDigest({ models, precision, attention }: Manifest, model: ModelName): string {
  const { graph, weights } = models[model]
  const parts = [
    model,
    sourceDigest(models[model]),
    precision,
    attention ?? 'onnx',
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

/** Chunk length that a classifier was made for, by the name of its file: VirNucPro's own two have it there. */
export function publishedLength(path: string): number | undefined {
  const found = /^(300|500)_model\.pth$/.exec(basename(path))?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Chunk length that the classifier of a bundle was made for; undefined where nobody has said it. */
export function classifierLength({ models }: Manifest): number | undefined {
  const { chunkLength, source } = models.mlp
  const [file] = source.files
  // Bundles of version 0.1.0 have the name of its file only.
  return chunkLength ?? (file === undefined ? undefined : publishedLength(file.name))
}
