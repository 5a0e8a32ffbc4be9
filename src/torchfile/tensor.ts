import { type DType, ITEM_BYTES } from './dtype.ts'
import { TorchFileError } from './errors.ts'
import { isCount, MAX_DIMENSIONS, MAX_TENSOR_BYTES } from './limits.ts'
import { shown } from './shown.ts'

/** What is known of a tensor without reading its data. */
export interface TensorInfo {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Product of `shape`. */
  readonly numel: number
}

/** One block of elements in the file; several tensors may view the same one. */
export class StorageRef {
  readonly key: string
  readonly dtype: DType
  /** Elements, not bytes. */
  readonly numel: number
  /** Device it was saved from, such as `cuda:0`; has no effect here. */
  readonly location: string

  constructor(key: string, dtype: DType, numel: number, location: string) {
    this.key = key
    this.dtype = dtype
    this.numel = numel
    this.location = location
  }
  get byteLength(): number {
    return this.numel * ITEM_BYTES[this.dtype]
  }
}

/** A view of a storage; offset and strides count elements. */
export class TensorRef implements TensorInfo {
  readonly storage: StorageRef
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly stride: readonly number[]
  readonly offset: number
  readonly numel: number

  /** Use `tensorRef`, which checks that the view lies inside its storage. */
  constructor(storage: StorageRef, offset: number, shape: readonly number[], stride: readonly number[]) {
    this.storage = storage
    this.dtype = storage.dtype
    this.shape = shape
    this.stride = stride
    this.offset = offset
    this.numel = shape.reduce((product, size) => product * size, 1)
  }

  get byteLength(): number {
    return this.numel * ITEM_BYTES[this.dtype]
  }

  /** True when the elements lie one after the other in row-major order. */
  get contiguous(): boolean {
    let expected = 1
    for (let dim = this.shape.length - 1; dim >= 0; dim--) {
      const size = this.shape[dim]!
      if (size !== 1 && this.numel !== 0 && this.stride[dim] !== expected) return false
      expected *= size
    }
    return true
  }

  /** Elements of the storage from the first to behind the last this tensor uses. */
  get span(): number {
    if (this.numel === 0) return 0
    return this.shape.reduce((last, size, dim) => last + (size - 1) * this.stride[dim]!, 1)
  }
}

/**
 * A checked view.
 * @throws TorchFileError when sizes are not counts or reach outside the storage
 */
export function tensorRef(
  file: string,
  storage: StorageRef,
  offset: unknown,
  shape: readonly unknown[],
  stride: readonly unknown[],
): TensorRef {
  const wrong = (what: string) =>
    new TorchFileError(file, `a tensor of storage ${storage.key} has ${what}; the pickle is damaged`)
  if (!isCount(offset)) throw wrong(`offset ${shown(offset)}`)
  if (shape.length > MAX_DIMENSIONS) throw wrong(`${shape.length} dimensions`)
  if (shape.length !== stride.length) throw wrong(`${shape.length} sizes and ${stride.length} strides`)
  if (!shape.every(isCount) || !stride.every(isCount)) throw wrong('a size or stride that is not a count')
  const ref = new TensorRef(storage, offset, shape, stride)
  if (!isCount(ref.byteLength)) throw wrong(`an impossible shape (${shape.join(', ')})`)
  if (ref.numel > 0 && !(ref.offset + ref.span <= storage.numel))
    throw wrong(
      `elements ${offset} to ${offset + ref.span} but the storage has only ${storage.numel} elements`,
    )
  return ref
}

/** Strides of a row-major tensor. */
export function rowMajorStride(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length)
  let next = 1
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    stride[dim] = next
    // torch gives dimensions of size 0 the stride of size 1.
    next *= Math.max(shape[dim]!, 1)
  }
  return stride
}

/** Reads bytes of one storage; the range is inside the storage. */
export type StorageBytes = (offset: number, length: number) => Promise<Uint8Array>

/** One tensor of a source: its bytes, row-major and little-endian. */
export interface StoredTensor {
  readonly info: TensorInfo
  /** May be a view of shared bytes: do not write to it. */
  read(): Promise<Uint8Array>
  /** The same bytes in chunks of whole elements. */
  stream(options?: StreamOptions): AsyncGenerator<Uint8Array>
}

/** How tensors are streamed. */
export interface StreamOptions {
  /**
   * Bytes per chunk, rounded down to whole elements (at least one).
   * @default 16 MiB
   */
  chunkBytes?: number
}

const DEFAULT_CHUNK_BYTES = 16 * 2 ** 20

/** Array type of which only the element width matters: gathering moves bits. */
function words(bytes: Uint8Array, itemBytes: number): { [index: number]: number | bigint; length: number } {
  const { buffer, byteOffset, length } = bytes.byteOffset % itemBytes === 0 ? bytes : new Uint8Array(bytes)
  const count = length / itemBytes
  if (itemBytes === 8) return new BigUint64Array(buffer, byteOffset, count)
  if (itemBytes === 4) return new Uint32Array(buffer, byteOffset, count)
  if (itemBytes === 2) return new Uint16Array(buffer, byteOffset, count)
  return new Uint8Array(buffer, byteOffset, count)
}

/** Copies elements `first` to `first + count` (row-major order of the tensor) out of its strided span. */
function gather(ref: TensorRef, span: Uint8Array, first: number, count: number): Uint8Array {
  const itemBytes = ITEM_BYTES[ref.dtype]
  const out = new Uint8Array(count * itemBytes)
  const from = words(span, itemBytes)
  const to = words(out, itemBytes)
  const rank = ref.shape.length
  const index = new Array<number>(rank).fill(0)
  let at = 0
  let rest = first
  for (let dim = rank - 1; dim >= 0; dim--) {
    const size = ref.shape[dim]!
    index[dim] = rest % size
    rest = Math.floor(rest / size)
    at += index[dim]! * ref.stride[dim]!
  }
  for (let i = 0; i < count; i++) {
    to[i] = from[at]!
    for (let dim = rank - 1; dim >= 0; dim--) {
      at += ref.stride[dim]!
      if (++index[dim]! < ref.shape[dim]!) break
      at -= index[dim]! * ref.stride[dim]!
      index[dim] = 0
    }
  }
  return out
}

function checkSize(file: string, bytes: number): void {
  if (bytes > MAX_TENSOR_BYTES)
    throw new TorchFileError(file, `a tensor needs ${bytes} bytes, more than ${MAX_TENSOR_BYTES} at once`, {
      advice: 'Read it with streamTensor.',
    })
}

async function readSpan(file: string, ref: TensorRef, read: StorageBytes): Promise<Uint8Array> {
  const itemBytes = ITEM_BYTES[ref.dtype]
  checkSize(file, ref.span * itemBytes)
  return read(ref.offset * itemBytes, ref.span * itemBytes)
}

/** A tensor whose storage is read by `read`. @throws TorchFileError when it is too large to be read at once */
export function storedTensor(file: string, ref: TensorRef, read: StorageBytes): StoredTensor {
  return {
    info: ref,
    read: () => readTensorBytes(file, ref, read),
    stream: (options) => streamTensorBytes(file, ref, read, options),
  }
}

async function readTensorBytes(file: string, ref: TensorRef, read: StorageBytes): Promise<Uint8Array> {
  checkSize(file, ref.byteLength)
  if (ref.numel === 0) return new Uint8Array(0)
  const span = await readSpan(file, ref, read)
  return ref.contiguous ? span : gather(ref, span, 0, ref.numel)
}

/** The span of a tensor that is not contiguous is held in memory meanwhile. */
async function* streamTensorBytes(
  file: string,
  ref: TensorRef,
  read: StorageBytes,
  options: StreamOptions = {},
): AsyncGenerator<Uint8Array> {
  if (ref.numel === 0) return
  const itemBytes = ITEM_BYTES[ref.dtype]
  const perChunk = Math.max(1, Math.floor((options.chunkBytes ?? DEFAULT_CHUNK_BYTES) / itemBytes))
  const span = ref.contiguous ? undefined : await readSpan(file, ref, read)
  for (let first = 0; first < ref.numel; first += perChunk) {
    const count = Math.min(perChunk, ref.numel - first)
    if (span) yield gather(ref, span, first, count)
    else yield await read((ref.offset + first) * itemBytes, count * itemBytes)
  }
}
