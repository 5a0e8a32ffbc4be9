import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ModelError, ModelNotFoundError } from '../../bundle/index.ts'
import { parseJson } from '../../system/json.ts'
import { orClose } from '../../system/or-close.ts'
import { readText } from '../../system/read-within.ts'
import {
  openSafetensors,
  openSafetensorsIndex,
  openTorchFile,
  openTorchIndex,
  type PyValue,
  TensorRef,
  UnsafePickleError,
  type WeightSource,
  weightSourceFromStateDict,
} from '../../torchfile/index.ts'

/** Weights and what lies beside them. */
export interface OpenedWeights {
  readonly source: WeightSource
  /** Every file that was opened, for the record of where a bundle comes from. */
  readonly files: readonly string[]
  /** Folder of the weights. */
  readonly folder: string
  /** Whole saved object of a PyTorch file: settings may lie beside the weights. */
  readonly root?: PyValue
}

/** Weight files of a Hugging Face folder, the safest first. */
const SAFETENSORS = 'model.safetensors'
const SAFETENSORS_INDEX = 'model.safetensors.index.json'
const TORCH = 'pytorch_model.bin'
const TORCH_INDEX = 'pytorch_model.bin.index.json'

/**
 * Opens a weight file, or the weights inside a Hugging Face folder, sharded or not.
 *
 * @throws ModelNotFoundError when there is nothing of the kind; TorchFileError when it is damaged or unsafe
 */
export async function openWeights(path: string, what: string): Promise<OpenedWeights> {
  const opened = await find(path, what)
  return { ...opened, source: withUsualNames(opened.source) }
}

async function find(path: string, what: string): Promise<OpenedWeights> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined)
    throw new ModelNotFoundError(path, `${what}: there is no file or folder ${path}. Check the path.`)
  if (!found.isDirectory()) return await openFile(path, what)

  const names = new Set(await readdir(path))
  if (names.has(SAFETENSORS)) return await openFile(join(path, SAFETENSORS), what)
  if (names.has(SAFETENSORS_INDEX)) return await openSharded(path, SAFETENSORS_INDEX, openSafetensorsIndex)
  if (names.has(TORCH)) return await openFile(join(path, TORCH), what)
  if (names.has(TORCH_INDEX)) return await openSharded(path, TORCH_INDEX, openTorchIndex)
  const fairEsm = [...names].filter(
    (name) => /^esm2_.*\.pt$/.test(name) && !name.includes('contact-regression'),
  )
  if (fairEsm.length === 1) return await openFile(join(path, fairEsm[0]!), what)
  throw new ModelNotFoundError(
    path,
    `${what}: the folder ${path} holds no weights: expected ${SAFETENSORS}, ${SAFETENSORS_INDEX}, ${TORCH} or ` +
      `${TORCH_INDEX}. Give the folder that a model was downloaded to, or the weight file itself.`,
  )
}

async function openFile(path: string, what: string): Promise<OpenedWeights> {
  const folder = dirname(path)
  if (path.endsWith('.index.json')) {
    const open = path.endsWith(TORCH_INDEX) ? openTorchIndex : openSafetensorsIndex
    return await openSharded(folder, path.slice(folder.length + 1), open)
  }
  if (path.endsWith('.safetensors')) return { source: await openSafetensors(path), files: [path], folder }
  const file = await openTorchFile(path).catch((error) => {
    if (!isClassifier(error)) throw error
    throw new ModelError(
      `${what}: ${path} is a classifier of VirNucPro: expected the weights of the language model`,
      { detail: { code: 'classifier-as-weights', data: {} } },
    )
  })
  return await orClose(file, async () => {
    const source = weightSourceFromStateDict(file, findStateDict(file.root))
    return { source, files: [path], folder, root: file.root }
  })
}

async function openSharded(
  folder: string,
  index: string,
  open: (folder: string) => Promise<WeightSource>,
): Promise<OpenedWeights> {
  const source = await open(folder)
  const map = parseJson(await readText(join(folder, index))) as { weight_map: Record<string, string> }
  const shards = [...new Set(Object.values(map.weight_map))].sort()
  return { source, files: [index, ...shards].map((name) => join(folder, name)), folder }
}

/** VirNucPro ships its classifiers as whole pickled modules of this class; no language model has it. */
function isClassifier(error: unknown): boolean {
  return error instanceof UnsafePickleError && /MLPClassifier$/.test(error.global)
}

/**
 * Layer normalization's parameters were called gamma and beta in TensorFlow, and transformers 5 saves
 * them so again; the rest of the world says weight and bias.
 */
function withUsualNames(source: WeightSource): WeightSource {
  const stored = new Map(source.names().map((name) => [usual(name), name]))
  const nameOf = (name: string) => stored.get(name) ?? name
  return {
    path: source.path,
    names: () => [...stored.keys()],
    get: (name) => source.get(nameOf(name)),
    read: (name) => source.read(nameOf(name)),
    readF32: (name) => source.readF32(nameOf(name)),
    stream: (name, options) => source.stream(nameOf(name), options),
    close: () => source.close(),
  }
}

function usual(name: string): string {
  return name
    .replace(/(layer_?norm(?:_after)?)\.gamma$/i, '$1.weight')
    .replace(/(layer_?norm(?:_after)?)\.beta$/i, '$1.bias')
}

/** Under which keys training programs keep the weights inside what they save. */
const WRAPPERS = ['model', 'model_state_dict', 'state_dict', 'model_state', 'net', 'module']

/** Checkpoints of trainers nest a wrapper or two. */
const MAX_DEPTH = 4

/** The state dict inside a saved object: itself, or behind one of the usual keys; undefined when there is none. */
export function findStateDict(root: PyValue | undefined, depth = 0): PyValue | undefined {
  if (!(root instanceof Map) || depth > MAX_DEPTH) return undefined
  for (const value of root.values()) if (value instanceof TensorRef) return root
  for (const key of WRAPPERS) {
    const found = findStateDict(root.get(key), depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}
