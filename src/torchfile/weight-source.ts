import { TorchFileError } from './errors.ts'
import { type TensorInfo, TensorRef } from './tensor.ts'
import type { StreamOptions } from './tensor-data.ts'
import type { TorchFile } from './torch-file.ts'
import type { PyValue } from './values.ts'

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
  close(): Promise<void>
}

class StateDictSource implements WeightSource {
  readonly path: string
  readonly #file: TorchFile
  readonly #tensors: ReadonlyMap<string, TensorRef>

  constructor(file: TorchFile, tensors: ReadonlyMap<string, TensorRef>) {
    this.path = file.path
    this.#file = file
    this.#tensors = tensors
  }

  #ref(name: string): TensorRef {
    const ref = this.#tensors.get(name)
    if (ref) return ref
    throw new TorchFileError(this.path, `has no tensor ${name}`, {
      advice: 'Check that it is the right model.',
    })
  }

  names(): string[] {
    return [...this.#tensors.keys()]
  }
  get(name: string): TensorInfo | undefined {
    return this.#tensors.get(name)
  }
  async read(name: string): Promise<Uint8Array> {
    return this.#file.readTensor(this.#ref(name))
  }
  async readF32(name: string): Promise<Float32Array> {
    return this.#file.readTensorF32(this.#ref(name))
  }
  stream(name: string, options?: StreamOptions): AsyncGenerator<Uint8Array> {
    return this.#file.streamTensor(this.#ref(name), options)
  }
  close(): Promise<void> {
    return this.#file.close()
  }
}

/**
 * The tensors of a state_dict inside an open file; closing the source closes the file.
 * Entries that are no tensors, such as extra state, are left out.
 * @param stateDict usually `file.root` or an entry of it
 * @throws TorchFileError when there is no tensor at all
 */
export function weightSourceFromStateDict(file: TorchFile, stateDict: PyValue | undefined): WeightSource {
  const tensors = new Map<string, TensorRef>()
  if (stateDict instanceof Map)
    for (const [name, value] of stateDict)
      if (typeof name === 'string' && value instanceof TensorRef) tensors.set(name, value)
  if (tensors.size === 0)
    throw new TorchFileError(file.path, 'holds no state_dict where one was expected', {
      advice: 'Check that it is the right model.',
    })
  return new StateDictSource(file, tensors)
}
