import { TorchFileError } from './errors.ts'
import { MAX_MARK_DEPTH } from './limits.ts'
import { TensorRef } from './tensor.ts'
import type { TorchFile } from './torch-file.ts'
import { PickleObject, type PyValue } from './values.ts'

/** Real models nest about ten deep; a hostile file could make a module contain itself. */
const MAX_MODULE_DEPTH = Math.min(100, MAX_MARK_DEPTH)

function collect(module: PickleObject, prefix: string, depth: number, into: Map<string, TensorRef>): void {
  if (depth > MAX_MODULE_DEPTH) return
  const skipped = module.get('_non_persistent_buffers_set')
  for (const kind of ['_parameters', '_buffers']) {
    const group = module.get(kind)
    if (!(group instanceof Map)) continue
    for (const [name, value] of group) {
      const hidden = kind === '_buffers' && skipped instanceof Set && skipped.has(name)
      if (typeof name === 'string' && value instanceof TensorRef && !hidden) into.set(prefix + name, value)
    }
  }
  const children = module.get('_modules')
  if (!(children instanceof Map)) return
  for (const [name, child] of children)
    if (child instanceof PickleObject) collect(child, `${prefix}${String(name)}.`, depth + 1, into)
}

/**
 * What `module.state_dict()` would give for a pickled nn.Module, in the same order.
 * Open the file with `allowModules`.
 * @throws TorchFileError when the value is no module with tensors
 */
export function moduleStateDict(file: TorchFile, module: PyValue | undefined): Map<string, TensorRef> {
  const tensors = new Map<string, TensorRef>()
  if (module instanceof PickleObject) collect(module, '', 0, tensors)
  if (tensors.size === 0)
    throw new TorchFileError(file.path, 'holds no pickled model where one was expected', {
      advice: 'Check that it is the right file.',
    })
  return tensors
}
