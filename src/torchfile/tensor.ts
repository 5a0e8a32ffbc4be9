import { type DType, ITEM_BYTES } from './dtype.ts'
import { TorchFileError } from './errors.ts'
import { MAX_DIMENSIONS } from './limits.ts'

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

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
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
  if (!isCount(offset)) throw wrong(`offset ${String(offset)}`)
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
