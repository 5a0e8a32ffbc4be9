import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ModelError, ModelNotFoundError } from '../bundle/errors.ts'
import type { GraphBuilder } from '../onnx/index.ts'
import { ReadError } from '../system/system-error.ts'
import { DnaTokenizer } from '../tokenizers/index.ts'
import type { GraphOptions } from './graphs/common.ts'
import { type DnabertShape, dnabertGraph } from './graphs/dnabert.ts'
import { type Esm2Shape, esm2Graph } from './graphs/esm2.ts'
import { type MlpShape, mlpGraph } from './graphs/mlp.ts'
import type { Tensors } from './graphs/tensors.ts'
import { openClassifier } from './weights/classifier-file.ts'
import { readDnabert } from './weights/dnabert.ts'
import { readEsm2 } from './weights/esm2.ts'
import { openWeights } from './weights/files.ts'
import { readMlp } from './weights/mlp.ts'
import { existing, licenceOf } from './weights/provenance.ts'
import { fairEsmSettings, readDnabertConfig, readEsm2Config } from './weights/settings.ts'

/** A model that has been read and checked; its weights are read when the graph is written. */
export interface LoadedModel<Shape> extends AsyncDisposable {
  readonly shape: Shape
  readonly graph: GraphBuilder
  /** Every file it comes from. */
  readonly files: readonly string[]
  readonly licence: string
}

/** An ESM-2 that has been read and checked, of which any graph can be made. */
export interface OpenedEsm2 extends AsyncDisposable {
  readonly shape: Esm2Shape
  readonly tensors: Tensors
  /** Rotary frequencies of each layer. */
  readonly inverseFrequencies: readonly Float32Array[]
  readonly files: readonly string[]
  readonly licence: string
}

/** Opens ESM-2 and describes its graph. @throws ModelError */
export async function loadEsm2(path: string, options: GraphOptions): Promise<LoadedModel<Esm2Shape>> {
  return withGraph(await openEsm2(path), options)
}

/** An opened ESM-2 with its graph. Closing either closes both. */
export function withGraph(opened: OpenedEsm2, options: GraphOptions): LoadedModel<Esm2Shape> {
  const { shape, tensors, inverseFrequencies, files, licence } = opened
  return {
    shape,
    files,
    licence,
    graph: esm2Graph(shape, tensors, inverseFrequencies, options),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}

/** Opens ESM-2 and compares its tensors with the architecture. @throws ModelError */
export async function openEsm2(path: string): Promise<OpenedEsm2> {
  const opened = await openWeights(path, 'ESM-2')
  try {
    const own = fairEsmSettings(opened.root)
    const config = own.heads === undefined ? await readEsm2Config(opened.folder) : undefined
    const settings =
      config === undefined
        ? own
        : {
            heads: config.num_attention_heads,
            tokenDropout: config.token_dropout ?? undefined,
            layerNormEps: config.layer_norm_eps,
          }
    const { shape, tensors, inverseFrequencies } = await readEsm2(opened.source, settings)
    const name = `${basename(path)} ${config?._name_or_path ?? ''}`
    return {
      shape,
      tensors,
      inverseFrequencies,
      files: config === undefined ? opened.files : [...opened.files, join(opened.folder, 'config.json')],
      licence: licenceOf({ kind: 'esm2', name, ...shape }),
      [Symbol.asyncDispose]: () => opened.source.close(),
    }
  } catch (error) {
    await opened.source.close()
    throw error
  }
}

export interface LoadedDnabert extends LoadedModel<DnabertShape> {
  readonly padId: number
  /** Content of tokenizer.json, as it is. */
  readonly tokenizer: Uint8Array
}

/** Opens DNABERT-S with its tokenizer and describes its graph. @throws ModelError */
export async function loadDnabert(path: string, options: GraphOptions): Promise<LoadedDnabert> {
  const opened = await openWeights(path, 'DNABERT-S')
  try {
    const config = await readDnabertConfig(opened.folder)
    if (config === undefined) throw lacks(opened.folder, 'config.json', 'the number of attention heads')
    const { tokenizer, padId, vocabularySize } = await readTokenizer(opened.folder)
    const { shape, tensors } = readDnabert(opened.source, {
      heads: config.num_attention_heads,
      layerNormEps: config.layer_norm_eps,
    })
    if (vocabularySize > shape.vocabulary) {
      throw new ModelError(
        `the tokenizer in ${opened.folder} has ${vocabularySize} tokens but the model has embeddings for ` +
          `${shape.vocabulary}. Check that tokenizer.json belongs to these weights.`,
      )
    }
    const name = `${basename(path)} ${config._name_or_path ?? ''}`
    return {
      shape,
      padId,
      tokenizer,
      graph: dnabertGraph(shape, tensors, options),
      files: [...opened.files, ...(await existing(opened.folder, ['config.json', 'tokenizer.json']))],
      licence: licenceOf({ kind: 'dnabert_s', name, ...shape }),
      [Symbol.asyncDispose]: () => opened.source.close(),
    }
  } catch (error) {
    await opened.source.close()
    throw error
  }
}

/** Opens the classifier and describes its graph. @throws ModelError */
export async function loadMlp(path: string, options: GraphOptions = {}): Promise<LoadedModel<MlpShape>> {
  const { source, batchNormEps } = await openClassifier(path)
  try {
    const { shape, tensors } = readMlp(source, batchNormEps)
    return {
      shape,
      graph: mlpGraph(shape, tensors, options),
      files: [path],
      licence: licenceOf({ kind: 'mlp', name: basename(path), ...shape }),
      [Symbol.asyncDispose]: () => source.close(),
    }
  } catch (error) {
    await source.close()
    throw error
  }
}

async function readTokenizer(folder: string) {
  const path = join(folder, 'tokenizer.json')
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw lacks(folder, 'tokenizer.json', 'the tokenizer')
    throw new ReadError(path, cause)
  })
  const { padId, vocabularySize } = DnaTokenizer.fromJson(bytes.toString('utf8'), path)
  return { tokenizer: bytes, padId, vocabularySize }
}

function lacks(folder: string, file: string, purpose: string): ModelNotFoundError {
  return new ModelNotFoundError(
    folder,
    `DNABERT-S: ${folder} holds no ${file}, which gives ${purpose}. Download it into the same folder as the weights.`,
  )
}
