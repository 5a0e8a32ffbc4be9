import { ITEM_BYTES } from './dtype.ts'
import { TorchFileError } from './errors.ts'
import { MAX_TENSOR_BYTES } from './limits.ts'
import type { TensorRef } from './tensor.ts'

/** Reads bytes of one storage; the range is inside the storage. */
export type StorageBytes = (offset: number, length: number) => Promise<Uint8Array>

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

/** A tensor's elements, row-major and little-endian. May be a view of shared bytes: do not write to it. */
export async function readTensorBytes(file: string, ref: TensorRef, read: StorageBytes): Promise<Uint8Array> {
  checkSize(file, ref.byteLength)
  if (ref.numel === 0) return new Uint8Array(0)
  const span = await readSpan(file, ref, read)
  return ref.contiguous ? span : gather(ref, span, 0, ref.numel)
}

/** The same bytes in chunks of whole elements; a non-contiguous tensor's span is held in memory meanwhile. */
export async function* streamTensorBytes(
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
