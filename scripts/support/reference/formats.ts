import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type * as v from 'valibot'
import { RecheckFileSchema } from '../../../src/bundle/bounds-file.ts'
import { ManifestSchema } from '../../../src/bundle/manifest.ts'
import { PartRowsSchema } from '../../../src/checkpoint/part-rows.ts'
import { PlanSidecarSchema } from '../../../src/server/repository/plans.ts'
import { ShardsSchema } from '../../../src/shards/manifest.ts'
import { fieldTable } from './fields.ts'
import { code, table } from './markdown.ts'

// Formats of what is not a result of a run: bundles, plans, shards, and the models on a server.

const FILE = {
  path: 'where the file lies in the bundle',
  bytes: 'size',
  sha256: 'SHA-256',
} as const

const MANIFEST = {
  ...FILE,
  format: 'form of this file',
  version: 'version of the layout; 2 where there are several classifiers, 3 where a model has a partner',
  name: 'name of the bundle',
  created: 'when it was made, UTC',
  tool: 'program that made it',
  'tool.name': 'its name',
  'tool.version': 'its version',
  precision: 'precision of the language models',
  attention:
    'that the graphs leave attention to our own kernel, in plans of the Python backend; absent: ONNX throughout',
  demo: 'whether the weights are random ones of a demonstration: what they call means nothing',
  fp32: 'what FP32 costs; nothing is measured',
  bf16: 'what BF16 costs, where it was measured',
  fp16: 'what FP16 costs, where it was measured',
  int8: 'what INT8 costs, where it was measured',
  fp8: 'what FP8 costs; each model has its own',
  input: 'nucleotides whose open frames were calibrated and measured with',
  'input.name': 'name of their file',
  accuracy: 'embeddings against those of the FP32 model, of frames that were not calibrated with',
  'accuracy.sequences': 'frames that were compared',
  'accuracy.esm2': 'ESM-2',
  'accuracy.dnabert_s': 'DNABERT-S',
  cosineMin: 'smallest cosine',
  cosineMean: 'mean cosine',
  relativeErrorMax: 'largest relative error',
  equalCalls: 'frames that the classifier calls equally',
  largest: 'with FP16: largest magnitude of any number inside the models',
  models: 'the models',
  'models.esm2': 'ESM-2',
  'models.dnabert_s': 'DNABERT-S',
  kind: 'which model it is',
  layers: 'layers',
  width: 'numbers of a token between layers',
  heads: 'heads of attention',
  hidden: 'numbers of the inner layer',
  dimension: 'numbers in an embedding',
  vocabulary: 'token ids that the model knows',
  maxResidues: 'letters that enter the mean; longer sequences are still read whole; absent: all',
  padId: 'id to fill the rest of a batch with; which one makes no difference',
  graph: 'ONNX graph',
  weights: 'weights, in the external form of ONNX',
  source: 'what it was made from',
  licence: 'SPDX identifier, or `unknown` for a model that is not a published one',
  'source.files[]': 'files that it was imported from',
  'source.files[].name': 'name of the file',
  tokenizer: 'tokenizer of a model that reads byte pairs',
  'models.esm2.fp8': 'what products in FP8 cost',
  'models.dnabert_s.fp8': 'what products in FP8 cost',
  calibration: 'scale and error of every product, and what they were found with',
  products: 'products of matrices',
  all: 'products in the graph',
  'products.bf16': 'of these, products that stayed in BF16',
  'recheck.precision': 'its precision',
  recheck: 'partner in a higher precision, made from the same files',
  'models.esm2.bf16': 'beside FP8: what BF16 costs',
  'models.dnabert_s.bf16': 'beside FP8: what BF16 costs',
  'models.mlp': 'the first classifier',
  'mlp.input': 'numbers that it takes',
  'classifiers[].input': 'numbers that it takes',
  'classes[]': 'classes, in the order of its output',
  chunkLength: 'bases of the chunks that it was made for; absent where nobody has said it',
  'classifiers[]': 'the others, each for chunks of another length',
}

const RECHECK = {
  format: 'form of this file',
  version: 'version of the form',
  'bounds[]': 'what was measured of a quantized model, its partner and one classifier',
  quantized: 'identity of the numbers of the quantized model',
  partner: 'identity of the numbers of its partner',
  classifier: "SHA-256 of the classifier's graph",
  backend: 'what computed both models',
  'bounds[].frames': 'frames that were compared',
  input: 'where the first of the frames come from; absent: all are drawn',
  'input.name': 'name of the file',
  'input.sha256': 'SHA-256',
  'input.frames': 'frames that come from it',
  seed: 'seed of the frames that are drawn',
  factor: 'bound over largest difference',
  'classes[]': 'length classes, shortest first',
  upTo: 'tokens of ESM-2 of the longest frame',
  'classes[].frames': 'frames of the class',
  largest: 'largest difference of their logits',
  bound: 'what the logit of a frame of the class may be off',
  measured: 'when it was measured, UTC',
}

const SIDECAR = {
  format: 'form of this file',
  version: 'version of the form',
  model: 'which model the plan is of',
  bundle: 'digest of the bundle whose graph it was built from',
  computeCapability: 'compute capability of the GPU that it was built on and runs on',
  tensorrt: 'version of TensorRT: a plan loads in the same one only',
  plan: 'the plan itself; absent where another program wrote this file',
  'plan.bytes': 'size',
  'plan.sha256': 'SHA-256',
  'profiles[]': 'optimization profiles; their lengths do not overlap',
  min: 'smallest batch: rows, and tokens of a row',
  opt: 'batch that it is tuned for',
  max: 'largest batch',
  gpu: 'name of the GPU',
  graph: 'graph that it was built from',
  'graph.sha256': 'SHA-256',
  weights: 'weights that it was built from',
  'weights.sha256': 'SHA-256',
  optimizationLevel: "TensorRT's level of optimization",
  built: 'when it was built, UTC',
  buildSeconds: 'seconds that this took',
}

const SHARDS = {
  format: 'form of this file',
  version: 'version of the form',
  program: 'version of virnucpro that made it',
  'inputs[]': 'the inputs, in their order',
  path: 'as typed',
  bytes: 'size',
  sha256: 'SHA-256',
  settings: 'how the inputs were read',
  onInvalid: 'as with `--on-invalid`',
  duplicateIds: 'as with `--duplicate-ids`',
  records: 'records',
  bases: 'bases',
  faults: 'list of what the input held besides its records',
  file: 'name of the file, in the same folder',
  'faults.count': 'lines of it',
  'shards[]': 'the shards',
  number: 'number, from 1',
  'sources[]': 'which inputs its records are of, in its order',
  input: 'number of the input, from 0',
}

const ROWS = {
  content: 'SHA-256 of the ids and sequences',
  'ids[]': 'id of each row',
  columns: 'what else is known of each row, by the name of the column',
  keys: 'keys of the sequences in the journal, by model: 32 bytes each, in Base64',
  'failed[]': 'rows that have no embedding of a model; without any the part is done',
}

const TABLES: Readonly<
  Record<string, [schema: v.GenericSchema, meanings: Readonly<Record<string, string>>]>
> = {
  'fields of manifest.json': [ManifestSchema, MANIFEST],
  'fields of recheck.json': [RecheckFileSchema, RECHECK],
  'fields of a plan': [PlanSidecarSchema, SIDECAR],
  'fields of shards.json': [ShardsSchema, SHARDS],
  'fields of part rows': [PartRowsSchema, ROWS],
}

export async function formatContent(what: string): Promise<string | undefined> {
  const found = TABLES[what]
  if (found !== undefined) return fieldTable(found[0], what, found[1])
  const [, of] = /^(embedding|sequence) models on a server$/.exec(what) ?? []
  if (of !== undefined) return await tensorTable(of)
  return what === 'parameters of models on a server' ? await parameterTable() : undefined
}

const TEMPLATES = resolve(import.meta.dir, '../../../model_repository')

/** What each tensor is; its name, type and shape are in the configuration. */
const TENSORS: Readonly<Record<string, string>> = {
  input_ids: 'token ids, one sequence in each row, then padding',
  lengths: 'tokens of each row, special ones included',
  sequences: 'proteins, or DNA; upper case',
  embedding: 'a mean over the last layer for each row or sequence',
}

/** Tensors as the templates of the configurations have them; the templates of one folder agree. */
async function tensorTable(folder: string): Promise<string> {
  const texts = await templates(folder)
  const tables = texts.map((text) =>
    ['input', 'output'].flatMap((direction) => {
      const [, block = ''] = new RegExp(`^${direction} \\[([\\s\\S]*?)\\]$`, 'm').exec(text) ?? []
      const tensors = block.matchAll(/name: "(\w+)" data_type: TYPE_(\w+) dims: \[ (.*?) \]/g)
      return [...tensors].map(([, name = '', type = '', dims = '']) => [
        code(name),
        direction,
        type === 'STRING' ? 'BYTES' : type,
        code(`[${dims.replace(/\{\{\w+\}\}/, 'D')}]`),
        TENSORS[name] ?? fail(`nothing says what the tensor ${name} is`),
      ])
    }),
  )
  const [first = fail(`no configuration in ${folder}`), ...more] = tables.map((rows) =>
    table(['tensor', 'direction', 'type', 'shape', 'meaning'], rows),
  )
  if (!first.includes('| input |') || !first.includes('| output |')) fail(`no tensors in ${folder}`)
  if (more.some((each) => each !== first)) fail(`the configurations in ${folder} have different tensors`)
  return first
}

/** Parameters that clients read, with the comment that stands above each in a template. */
const PARAMETERS: Readonly<Record<string, string>> = {
  source: 'digest of the weight files that the model was made from',
  precision: 'precision that it computes in',
  digest: 'identity of the numbers that it gives; the number of the version is made from it',
  vocabulary: 'token ids that it knows: a larger one is refused',
  minimum_length: 'fewest tokens of a row that leave something to take the mean of',
  in_flight: 'requests that a client should have on their way for each instance',
  shapes: 'most rows of batches up to so many tokens long, `ROWSxTOKENS,…`; larger ones are refused',
  token_budget: 'padded tokens of a batch that tuning found best',
  threads: 'threads of one instance; 0 shares the cores among the instances',
  intra_op_thread_count: 'threads of an operator, for ONNX Runtime in the server',
  inter_op_thread_count: 'operators at a time, likewise',
}

async function parameterTable(): Promise<string> {
  const names = ['onnxruntime', 'tensorrt', 'python', 'python-plans']
  const texts = await Promise.all(
    names.map(async (name) => await readFile(join(TEMPLATES, `embedding/config.${name}.pbtxt`), 'utf8')),
  )
  const found = new Map<string, string[]>()
  for (const [i, text] of texts.entries()) {
    const keys = [...text.matchAll(/\{ key: "(\w+)" value: \{ string_value/g)].map(([, key = '']) => key)
    if (text.includes('{{limits}}')) keys.push('shapes', 'token_budget')
    for (const key of keys) found.set(key, [...(found.get(key) ?? []), names[i] as string])
  }
  const unknown = [...found.keys()].filter((key) => PARAMETERS[key] === undefined)
  if (unknown.length > 0) fail(`nothing says what the parameters ${unknown.join(', ')} are`)
  return table(
    ['parameter', 'in configurations of', 'meaning'],
    [...found].map(([key, where]) => [
      code(key),
      where.length === names.length ? 'all' : where.map(code).join(', '),
      PARAMETERS[key] as string,
    ]),
  )
}

async function templates(folder: string): Promise<string[]> {
  const files = [...new Bun.Glob('*.pbtxt').scanSync(join(TEMPLATES, folder))].sort()
  return await Promise.all(files.map(async (file) => await readFile(join(TEMPLATES, folder, file), 'utf8')))
}

function fail(problem: string): never {
  throw new Error(problem)
}
