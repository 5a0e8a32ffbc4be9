import { type PyValue, TensorRef } from '../../torchfile/index.ts'

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
