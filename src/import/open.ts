import { basename, join } from 'node:path'
import { MODEL_NAMES, MODELS, ModelError, type ModelName, ModelNotFoundError } from '../bundle/index.ts'
import type { GraphBuilder } from '../onnx/index.ts'
import type { OpenFrame } from '../sequence/index.ts'
import { orClose } from '../system/or-close.ts'
import { MOST_BYTES, readWithin } from '../system/read-within.ts'
import { ReadError } from '../system/system-error.ts'
import { DnaTokenizer, EsmAlphabet } from '../tokenizers/index.ts'
import type { WeightSource } from '../torchfile/index.ts'
import type { GraphOptions } from './graphs/common.ts'
import { type DnabertShape, dnabertGraph } from './graphs/dnabert.ts'
import { type Esm2Shape, esm2EndGraph, esm2Graph, esm2LayerGraph, scaledTable } from './graphs/esm2.ts'
import { type MlpShape, mlpGraph } from './graphs/mlp.ts'
import { readDnabert } from './weights/dnabert.ts'
import { readEsm2 } from './weights/esm2.ts'
import { type OpenedWeights, openWeights } from './weights/files.ts'
import { openClassifier, readMlp } from './weights/mlp.ts'
import { existing, licenceOf } from './weights/provenance.ts'
import { fairEsmSettings, readDnabertConfig, readEsm2Config } from './weights/settings.ts'

/** A model that has been read and checked, of which any graph can be made; weights are read when a graph is written. */
export interface OpenedModel<Shape = unknown> extends AsyncDisposable {
  readonly shape: Shape
  graph(options?: GraphOptions): GraphBuilder
  /** Every file it comes from. */
  readonly files: readonly string[]
  readonly licence: string
}

/** Dimensions that every language model has. */
export type LanguageShape = Pick<
  DnabertShape,
  'layers' | 'width' | 'heads' | 'hidden' | 'vocabulary' | 'layerNormEps'
>

export interface LanguageModel<Shape extends LanguageShape = LanguageShape> extends OpenedModel<Shape> {
  readonly name: ModelName
  readonly padId: number
  /** Token ids of the sequence of a frame that the model embeds. */
  encode(frame: OpenFrame): Int32Array
  /** Content of tokenizer.json, for a model that has one. */
  readonly tokenizer?: Uint8Array
  /** The graph in pieces, for a model that may be larger than memory. */
  readonly pieces?: {
    /** Embeddings of all tokens, row-major [vocabulary, width]. */
    table(): Promise<Float32Array>
    /** `x` FP32 [B,T,width], rows without padding, to `y` of the same shape. */
    layer(index: number, options: GraphOptions): GraphBuilder
    /** `x` as above to `embedding` FP32 [B,width]. */
    end(options: GraphOptions): GraphBuilder
  }
}

/** How each model is opened: a file or folder of a user to a model. @throws ModelError */
export const OPENERS: Readonly<Record<ModelName, (path: string) => Promise<LanguageModel>>> = {
  esm2: openEsm2,
  dnabert_s: openDnabert,
}

/** Opens ESM-2 and compares its tensors with the architecture. @throws ModelError */
export async function openEsm2(path: string): Promise<LanguageModel<Esm2Shape>> {
  return await opened(path, 'esm2', async ({ root, folder, source, files }) => {
    const own = fairEsmSettings(root)
    const config = own.heads === undefined ? await readEsm2Config(folder) : undefined
    const { shape, tensors, inverseFrequencies } = await readEsm2(
      source,
      config === undefined
        ? own
        : {
            heads: config.num_attention_heads,
            tokenDropout: config.token_dropout ?? undefined,
            layerNormEps: config.layer_norm_eps,
          },
    )
    const name = `${basename(path)} ${config?._name_or_path ?? ''}`
    const alphabet = new EsmAlphabet()
    return {
      name: 'esm2',
      shape,
      padId: alphabet.padId,
      encode: ({ protein }) => alphabet.encode(protein),
      graph: (options) => esm2Graph(shape, tensors, inverseFrequencies, options),
      pieces: {
        table: () => scaledTable(shape, tensors),
        layer: (index, options) => esm2LayerGraph(shape, tensors, inverseFrequencies[index]!, index, options),
        end: (options) => esm2EndGraph(shape, tensors, options),
      },
      files: config === undefined ? files : [...files, join(folder, 'config.json')],
      licence: licenceOf({ kind: 'esm2', name, ...shape }),
    }
  })
}

/** Opens DNABERT-S with its tokenizer. @throws ModelError */
export async function openDnabert(path: string): Promise<LanguageModel<DnabertShape>> {
  return await opened(path, 'dnabert_s', async ({ folder, source, files }) => {
    const config = await readDnabertConfig(folder)
    if (config === undefined) throw lacks(folder, 'config.json', 'the number of attention heads')
    const content = await readTokenizer(folder)
    const tokenizer = DnaTokenizer.fromJson(content.toString('utf8'), join(folder, 'tokenizer.json'))
    const { shape, tensors } = readDnabert(source, {
      heads: config.num_attention_heads,
      layerNormEps: config.layer_norm_eps,
    })
    if (tokenizer.vocabularySize > shape.vocabulary) {
      throw new ModelError(
        `the tokenizer in ${folder} has ${tokenizer.vocabularySize} tokens but the model has embeddings for ` +
          `${shape.vocabulary}. Check that tokenizer.json belongs to these weights.`,
      )
    }
    const name = `${basename(path)} ${config._name_or_path ?? ''}`
    return {
      name: 'dnabert_s',
      shape,
      padId: tokenizer.padId,
      encode: ({ nucleotide }) => tokenizer.encode(nucleotide),
      tokenizer: content,
      graph: (options) => dnabertGraph(shape, tensors, options),
      files: [...files, ...(await existing(folder, ['config.json', 'tokenizer.json']))],
      licence: licenceOf({ kind: 'dnabert_s', name, ...shape }),
    }
  })
}

/** Opens the classifier. @throws ModelError */
export async function openMlp(path: string): Promise<OpenedModel<MlpShape>> {
  const { source, batchNormEps } = await openClassifier(path)
  return await closing(source, () => {
    const { shape, tensors } = readMlp(source, batchNormEps)
    return {
      shape,
      graph: (options) => mlpGraph(shape, tensors, options),
      files: [path],
      licence: licenceOf({ kind: 'mlp', name: basename(path), ...shape }),
    }
  })
}

async function opened<Shape extends LanguageShape>(
  path: string,
  name: ModelName,
  read: (weights: OpenedWeights) => Promise<Omit<LanguageModel<Shape>, symbol>>,
): Promise<LanguageModel<Shape>> {
  const weights = await openWeights(path, MODELS[name].label)
  return await closing(weights.source, () => {
    refuseOther(weights.source, path, name)
    return read(weights)
  })
}

/** Endings of tensor names that no other model has. */
const MARKS: Readonly<Record<ModelName, RegExp>> = {
  esm2: /emb_layer_norm_after\.weight$/,
  dnabert_s: /attention\.self\.Wqkv\.weight$/,
}

/** The two are easily swapped. @throws ModelError */
function refuseOther(source: WeightSource, path: string, name: ModelName): void {
  const names = source.names()
  const found = MODEL_NAMES.find((model) => names.some((tensor) => MARKS[model].test(tensor)))
  if (found === undefined || found === name) return
  throw new ModelError(`${MODELS[name].label}: ${path} holds the weights of ${MODELS[found].label}`, {
    detail: { code: 'other-weights', data: { model: found } },
  })
}

/** What `read` makes of an open file, which is closed with it, or at once if it cannot be read. */
async function closing<Model extends object>(
  source: { close(): Promise<void> },
  read: () => Model | Promise<Model>,
): Promise<Model & AsyncDisposable> {
  return await orClose(source, async () => ({
    ...(await read()),
    [Symbol.asyncDispose]: () => source.close(),
  }))
}

async function readTokenizer(folder: string): Promise<Buffer> {
  const path = join(folder, 'tokenizer.json')
  return await readWithin(path, MOST_BYTES.description).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOENT'
      ? lacks(folder, 'tokenizer.json', 'the tokenizer')
      : new ReadError(path, cause)
  })
}

function lacks(folder: string, file: string, purpose: string): ModelNotFoundError {
  return new ModelNotFoundError(
    folder,
    `DNABERT-S: ${folder} holds no ${file}, which gives ${purpose}. Download it into the same folder as the weights.`,
  )
}
