/** What is known of a language model before any bundle is opened. */
interface ModelFacts {
  /** As people call it. */
  readonly label: string
  /** Place of its embedding in a row of features, from 0. */
  readonly column: number
  /** The sequence of a frame that it embeds. */
  readonly sequence: 'nucleotide' | 'protein'
  /** What a letter of that sequence is. */
  readonly unit: 'base' | 'residue'
  /** The alphabet of ESM-1b, or byte pairs from a tokenizer.json in the bundle. */
  readonly tokenizer: 'alphabet' | 'file'
  /** Letters that enter the mean; undefined for all. VirNucPro cuts the mean there, not the input. */
  readonly maxResidues?: number
  /** Padded tokens of a batch that fill a GPU. */
  readonly tokenBudget: number
  /** Most sequences of a batch for a server: plans are built for shapes up to a limit, which very short sequences would exceed
   * within the budget. */
  readonly maxSequences: number
  /**
   * Longest lengths of the profiles of its plans, in tokens, where nothing is known of the input: reads of 150 bases and
   * fewer, chunks of 300 and 500 bases, the longest sequences that enter the mean whole.
   */
  readonly profiles: readonly number[]
  /** What options call it. */
  readonly short: string
  /** What an import is given for it: a file or a folder, and which. */
  readonly weights: { readonly hint: 'FILE' | 'DIR'; readonly help: string }
  /** A quantized bundle may hold it a second time, in a precision that decides what the quantized one leaves open. */
  readonly recheck?: true
  /** Kind of its feature files; undefined for a model that the original does not have. */
  readonly featureFile?: 'dnabert' | 'esm'
}

/** The language models of a bundle, in the order of its manifest. Everything that treats each of them iterates over this table. */
export const MODELS = {
  esm2: {
    label: 'ESM-2',
    column: 1,
    sequence: 'protein',
    unit: 'residue',
    tokenizer: 'alphabet',
    maxResidues: 1024,
    tokenBudget: 16_384,
    maxSequences: 1024,
    profiles: [64, 176, 1088],
    short: 'esm',
    weights: { hint: 'FILE', help: 'a fair-esm `.pt` file, or a Hugging Face folder or weight file' },
    recheck: true,
    featureFile: 'esm',
  },
  // One token stands for about 4.6 bases, and at worst for one.
  dnabert_s: {
    label: 'DNABERT-S',
    column: 0,
    sequence: 'nucleotide',
    unit: 'base',
    tokenizer: 'file',
    tokenBudget: 65_536,
    maxSequences: 4096,
    profiles: [64, 160, 512],
    short: 'dnabert',
    weights: { hint: 'DIR', help: 'a Hugging Face folder' },
    featureFile: 'dnabert',
  },
} as const satisfies Readonly<Record<string, ModelFacts>>

/** Dimensions of ESM-2 as published, by its size. */
export const PUBLISHED_ESM2 = {
  '8M': { layers: 6, width: 320, heads: 20 },
  '35M': { layers: 12, width: 480, heads: 20 },
  '150M': { layers: 30, width: 640, heads: 20 },
  '650M': { layers: 33, width: 1280, heads: 20 },
  '3B': { layers: 36, width: 2560, heads: 40 },
  '15B': { layers: 48, width: 5120, heads: 40 },
} as const

/** `3B` for ESM-2 of published dimensions, else `2 layers of 24`. */
export function esm2Size(model: { layers: number; width: number; heads: number }): string {
  const { layers, width, heads } = model
  const found = Object.entries(PUBLISHED_ESM2).find(
    ([, each]) => each.layers === layers && each.width === width && each.heads === heads,
  )
  return found?.[0] ?? `${layers} layers of ${width}`
}

/** Licences of the published models, as their authors state them. */
export const LICENCES = { esm2: 'MIT', dnabert_s: 'Apache-2.0', mlp: 'MIT' } as const

/** A language model, as manifests and servers call it. */
export type ModelName = keyof typeof MODELS

/** In the order of the manifest. */
export const MODEL_NAMES = Object.keys(MODELS) as readonly ModelName[]

/** In the order of their columns in a row of features, which is the order in which a run computes them. */
export const FEATURE_ORDER: readonly ModelName[] = MODEL_NAMES.toSorted(
  (a, b) => MODELS[a].column - MODELS[b].column,
)

/** Models that a bundle may have a partner of. */
export type RecheckedName = {
  [Name in ModelName]: (typeof MODELS)[Name] extends { recheck: true } ? Name : never
}[ModelName]

/** The partner of a quantized model: the same model in a precision of more digits, hosted beside it under this name. */
export type PartnerName = `${RecheckedName}_recheck`

/** Whatever a bundle may have a graph of, a server a model, and a folder of plans a plan. */
export type HostedName = ModelName | PartnerName

/** In the order of their models. */
export const PARTNER_NAMES: readonly PartnerName[] = MODEL_NAMES.flatMap((model) => partnerOf(model) ?? [])

/** Models first, so that they are made and loaded before their partners. */
export const HOSTED_NAMES: readonly HostedName[] = [...MODEL_NAMES, ...PARTNER_NAMES]

/** The name of a model's partner; undefined for a model that never has one. */
export function partnerOf(model: ModelName): PartnerName | undefined {
  return modelFacts(model).recheck ? (`${model}_recheck` as PartnerName) : undefined
}

/** The model that a hosted one is: what it reads, and its facts, are those of the model. */
export function modelOf(hosted: HostedName): ModelName {
  return hosted.replace(/_recheck$/, '') as ModelName
}

/** The facts of a model, in their general type. */
export function modelFacts(model: ModelName): ModelFacts {
  return MODELS[model]
}

/** One value for each model. */
export function forModels<T>(make: (model: ModelName) => T): Record<ModelName, T> {
  return Object.fromEntries(MODEL_NAMES.map((model) => [model, make(model)])) as Record<ModelName, T>
}

/** One value for each model, made one after the other. */
export async function eachModel<T>(make: (model: ModelName) => Promise<T>): Promise<Record<ModelName, T>> {
  const made: [ModelName, T][] = []
  for (const model of MODEL_NAMES) made.push([model, await make(model)])
  return Object.fromEntries(made) as Record<ModelName, T>
}

/** Inputs and output of every model's graph, in this process and on servers. */
export const GRAPH_TENSORS = { ids: 'input_ids', lengths: 'lengths', embedding: 'embedding' } as const
