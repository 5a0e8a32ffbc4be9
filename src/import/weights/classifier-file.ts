import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { ModelError, ModelNotFoundError } from '../../bundle/index.ts'
import {
  moduleStateDict,
  openSafetensors,
  openTorchFile,
  PickleObject,
  type PyValue,
  type WeightSource,
  weightSourceFromStateDict,
} from '../../torchfile/index.ts'
import { findStateDict } from './state-dict.ts'

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
  try {
    const module = findModule(file.root)
    const stateDict = module === undefined ? findStateDict(file.root) : moduleStateDict(file, module)
    if (stateDict === undefined) {
      throw new ModelError(
        `${path} holds neither a pickled model nor a state dict. Give 300_model.pth or 500_model.pth of VirNucPro, ` +
          `or what torch.save(model.state_dict(), '${basename(path)}') writes.`,
      )
    }
    return { source: weightSourceFromStateDict(file, stateDict), batchNormEps: epsilons(module) }
  } catch (error) {
    await file.close()
    throw error
  }
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
