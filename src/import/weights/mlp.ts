import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { ModelError, ModelNotFoundError } from '../../bundle/index.ts'
import { orClose } from '../../system/or-close.ts'
import {
  moduleStateDict,
  openSafetensors,
  openTorchFile,
  PickleObject,
  type PyValue,
  type WeightSource,
  weightSourceFromStateDict,
} from '../../torchfile/index.ts'
import type { MlpShape } from '../graphs/mlp.ts'
import type { Tensors } from '../graphs/tensors.ts'
import { findStateDict } from './files.ts'
import { checkTensors, mapped, type TensorMap, type TensorOrigin } from './tensor-map.ts'

export interface MlpWeights {
  readonly shape: MlpShape
  readonly tensors: Tensors
}

/**
 * Reads VirNucPro's classifier. Its parts are distinguished by their shapes, since people name them as they
 * like: the batch normalization has running statistics, and the two linear layers meet at its width.
 *
 * @param batchNormEps by the name of the part, where the file holds it; PyTorch's 1e-5 otherwise
 * @throws ModelError when it is not made of linear, batch normalization, linear with two classes
 */
export function readMlp(
  source: WeightSource,
  batchNormEps: ReadonlyMap<string, number> = new Map(),
): MlpWeights {
  const parts = Map.groupBy(source.names(), (name) => name.slice(0, name.lastIndexOf('.') + 1))
  const norms = [...parts.keys()].filter((part) => source.get(`${part}running_mean`) !== undefined)
  const linears = [...parts.keys()].filter((part) => source.get(`${part}weight`)?.shape.length === 2)
  const [norm] = norms
  if (norm === undefined || norms.length > 1 || linears.length !== 2) {
    throw notAnMlp(source, `${linears.length} linear layers and ${norms.length} batch normalizations`)
  }
  const width = source.get(`${norm}running_mean`)?.shape[0] ?? 0
  const shapeOf = (part: string) => source.get(`${part}weight`)!.shape
  const last = linears.find((part) => shapeOf(part)[0] === 2 && shapeOf(part)[1] === width)
  const first = linears.find((part) => part !== last && shapeOf(part)[0] === width)
  if (first === undefined || last === undefined) {
    const found = linears.map((part) => `${part}weight [${shapeOf(part).join(', ')}]`).join(', ')
    throw notAnMlp(source, `a batch normalization of ${width} between ${found}`)
  }

  const input = shapeOf(first)[1]!
  const map = new Map<string, TensorOrigin>([
    ['hidden.weight', { from: `${first}weight`, shape: [width, input] }],
    ['hidden.bias', { from: `${first}bias`, shape: [width] }],
    ...['weight', 'bias', 'running_mean', 'running_var'].map((name): [string, TensorOrigin] => [
      `norm.${name}`,
      { from: norm + name, shape: [width] },
    ]),
    ['output.weight', { from: `${last}weight`, shape: [2, width] }],
    ['output.bias', { from: `${last}bias`, shape: [2] }],
  ])
  checkTensors("VirNucPro's classifier", source, map satisfies TensorMap, (name) =>
    name.endsWith('num_batches_tracked'),
  )
  const shape = { input, hidden: width, classes: 2, batchNormEps: batchNormEps.get(norm) ?? 1e-5 }
  return { shape, tensors: mapped(source, map) }
}

function notAnMlp(source: WeightSource, found: string): ModelError {
  return new ModelError(
    `${source.path} is not VirNucPro's classifier: expected a linear layer, a batch normalization and a linear layer ` +
      `to two classes (others, virus), found ${found}. Give 300_model.pth, 500_model.pth or one trained like them.`,
  )
}

export interface OpenedClassifier {
  readonly source: WeightSource
  /** Epsilon of each batch normalization, by its name with a dot behind; empty for a state dict. */
  readonly batchNormEps: ReadonlyMap<string, number>
}

/**
 * Opens the classifier: the pickled module that VirNucPro ships, a state dict bare or inside a training
 * checkpoint, or safetensors.
 */
export async function openClassifier(path: string): Promise<OpenedClassifier> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined)
    throw new ModelNotFoundError(path, `classifier: there is no file ${path}. Check the path.`)
  if (found.isDirectory()) {
    throw new ModelNotFoundError(
      path,
      `classifier: ${path} is a folder: expected a file such as 500_model.pth.`,
    )
  }
  if (path.endsWith('.safetensors')) return { source: await openSafetensors(path), batchNormEps: new Map() }
  const file = await openTorchFile(path, { allowModules: true })
  return await orClose(file, async () => {
    const module = findModule(file.root)
    const stateDict = module === undefined ? findStateDict(file.root) : moduleStateDict(file, module)
    if (stateDict === undefined) {
      throw new ModelError(
        `${path} holds neither a pickled model nor a state dict. Give 300_model.pth or 500_model.pth of VirNucPro, ` +
          `or what torch.save(model.state_dict(), '${basename(path)}') writes.`,
      )
    }
    return { source: weightSourceFromStateDict(file, stateDict), batchNormEps: epsilons(module) }
  })
}

/** A module saved whole, alone or under the key that checkpoints use. */
function findModule(root: PyValue | undefined): PickleObject | undefined {
  const candidate = root instanceof Map ? root.get('model') : root
  return candidate instanceof PickleObject && candidate.get('_modules') instanceof Map ? candidate : undefined
}

/** The `eps` attribute of every module that has one. */
function epsilons(
  module: PickleObject | undefined,
  prefix = '',
  found = new Map<string, number>(),
): Map<string, number> {
  const eps = module?.get('eps')
  if (typeof eps === 'number') found.set(prefix, eps)
  const children = module?.get('_modules')
  // A damaged file may make a module its own child.
  if (children instanceof Map && prefix.split('.').length < 20) {
    for (const [name, child] of children) {
      if (child instanceof PickleObject) epsilons(child, `${prefix}${String(name)}.`, found)
    }
  }
  return found
}
