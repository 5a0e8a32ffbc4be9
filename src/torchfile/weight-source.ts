import { toFloat32 } from './dtype.ts'
import { TorchFileError } from './errors.ts'
import { type StoredTensor, type StreamOptions, type TensorInfo, TensorRef } from './tensor.ts'
import type { TorchFile } from './torch-file.ts'
import { PickleObject, type PyValue } from './values.ts'

/** Named tensors of a model, wherever they are stored. */
export interface WeightSource {
  /** File or folder, for messages. */
  readonly path: string
  /** Names in the order of the file. */
  names(): string[]
  /** Type and shape without reading data; undefined when there is no such tensor. */
  get(name: string): TensorInfo | undefined
  /**
   * Row-major little-endian elements in their own type. Do not write to them.
   * @throws TorchFileError when there is no such tensor
   */
  read(name: string): Promise<Uint8Array>
  /** Row-major elements as float32. */
  readF32(name: string): Promise<Float32Array>
  /** The bytes of `read` in chunks. */
  stream(name: string, options?: StreamOptions): AsyncGenerator<Uint8Array>
  /** Closes the files behind it. */
  close(): Promise<void>
}

/** A source of these tensors, by name. */
export function weightSource(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  close: () => Promise<void>,
): WeightSource {
  const tensor = (name: string): StoredTensor => {
    const found = tensors.get(name)
    if (found) return found
    throw new TorchFileError(path, `has no tensor ${name}`, { advice: 'Check that it is the right model.' })
  }
  return {
    path,
    names: () => [...tensors.keys()],
    get: (name) => tensors.get(name)?.info,
    read: async (name) => await tensor(name).read(),
    readF32: async (name) => toFloat32(await tensor(name).read(), tensor(name).info.dtype),
    stream: (name, options) => tensor(name).stream(options),
    close,
  }
}

/**
 * The tensors of a state_dict inside an open file; closing the source closes the file.
 * Entries that are no tensors, such as extra state, are left out.
 * @param stateDict usually `file.root` or an entry of it
 * @throws TorchFileError when there is no tensor at all
 */
export function weightSourceFromStateDict(file: TorchFile, stateDict: PyValue | undefined): WeightSource {
  const tensors = new Map<string, StoredTensor>()
  for (const [name, ref] of stateDict instanceof Map ? stateDict : []) {
    if (typeof name !== 'string' || !(ref instanceof TensorRef)) continue
    tensors.set(name, file.tensor(ref))
  }
  if (tensors.size === 0)
    throw new TorchFileError(file.path, 'holds no state_dict where one was expected', {
      advice: 'Check that it is the right model.',
    })
  return weightSource(file.path, tensors, () => file.close())
}

/** Real models nest about ten deep; a hostile file could make a module contain itself. */
const MAX_MODULE_DEPTH = 100

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
