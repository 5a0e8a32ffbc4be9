import { toFloat32 } from './dtype.ts'
import {
  type StorageBytes,
  type StorageRef,
  type StoredTensor,
  type StreamOptions,
  storedTensor,
  type TensorRef,
} from './tensor.ts'
import type { PyValue } from './values.ts'

/** What the zip and the legacy format each provide. */
export interface TorchContainer {
  readonly name: string
  readonly format: 'zip' | 'legacy'
  /** Common first folder of the zip members; empty for the legacy format. */
  readonly archiveName: string
  readonly root: PyValue
  /** Members that torch adds beside data, such as the serialization id. */
  readSerializationId(): Promise<string | undefined>
  storageBytes(storage: StorageRef): StorageBytes
  verify(): Promise<void>
  close(): Promise<void>
}

/** An open PyTorch file: its object tree is in memory, its tensors are read on demand. */
export class TorchFile {
  readonly path: string
  /** `zip` since torch 1.6; `legacy` before, or with `_use_new_zipfile_serialization=False`. */
  readonly format: 'zip' | 'legacy'
  /** First folder of the zip members, such as `output_1_ESM`. */
  readonly archiveName: string
  /** The saved object as inert data. */
  readonly root: PyValue
  readonly #container: TorchContainer

  /** @internal */
  constructor(container: TorchContainer) {
    this.path = container.name
    this.format = container.format
    this.archiveName = container.archiveName
    this.root = container.root
    this.#container = container
  }

  /** The 40 digits torch writes last; undefined in files older than torch 2.1. */
  readSerializationId(): Promise<string | undefined> {
    return this.#container.readSerializationId()
  }

  /** A tensor of the file, read on demand. */
  tensor(ref: TensorRef): StoredTensor {
    return storedTensor(this.path, ref, this.#container.storageBytes(ref.storage))
  }

  /** Elements in row-major order, little-endian. May be a view of shared bytes: do not write to it. */
  readTensor(ref: TensorRef): Promise<Uint8Array> {
    return this.tensor(ref).read()
  }

  /** The same widened to float32, row-major over `ref.shape`. */
  async readTensorF32(ref: TensorRef): Promise<Float32Array> {
    return toFloat32(await this.readTensor(ref), ref.dtype)
  }

  /** The bytes of `readTensor` in chunks, for tensors larger than memory. Checksums: see `verify`. */
  streamTensor(ref: TensorRef, options?: StreamOptions): AsyncGenerator<Uint8Array> {
    return this.tensor(ref).stream(options)
  }

  /**
   * Reads the whole file and compares all checksums.
   * The legacy format has none: only its structure is checked, which opening has done.
   * @throws TorchFileError naming the first damaged member
   */
  verify(): Promise<void> {
    return this.#container.verify()
  }

  /** Its tensors cannot be read any more. */
  close(): Promise<void> {
    return this.#container.close()
  }
}
