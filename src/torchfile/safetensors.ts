import { parseJson } from '../system/json.ts'
import { orClose } from '../system/or-close.ts'
import { type ByteSource, fileSource, viewOf } from './byte-source.ts'
import { ITEM_BYTES, isDType } from './dtype.ts'
import { TorchFileError } from './errors.ts'
import { isCount, MAX_SAFETENSORS_HEADER_BYTES } from './limits.ts'
import { shown } from './shown.ts'
import { rowMajorStride, StorageRef, storedTensor, type TensorRef, tensorRef } from './tensor.ts'
import { type WeightSource, weightSource } from './weight-source.ts'

/** A safetensors file whose header cannot be trusted. */
export class SafetensorsError extends TorchFileError {}

interface Entry {
  readonly ref: TensorRef
  /** Absolute offset in the file. */
  readonly start: number
  readonly end: number
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function entry(path: string, name: string, value: unknown, dataStart: number): Entry {
  const fail = (what: string) => new SafetensorsError(path, `tensor ${name} ${what}`)
  if (!isRecord(value)) throw fail('is not described')
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string' || !isDType(dtype))
    throw new SafetensorsError(path, `tensor ${name} has element type ${shown(dtype)}, not supported`, {
      advice: `Convert the model to one of ${Object.keys(ITEM_BYTES).join(', ')}.`,
    })
  if (!Array.isArray(shape) || !Array.isArray(offsets) || offsets.length !== 2) throw fail('is not described')
  const [start, end] = offsets
  if (!isCount(start) || !isCount(end) || start > end)
    throw fail(`has data offsets ${shown(start)} to ${shown(end)}`)
  // The sizes that are not 0 have a product, too: what a reader multiplies must not overflow.
  const product = shape.every(isCount) && shape.reduce((all: number, size: number) => all * (size || 1), 8)
  if (!isCount(product)) throw fail('has an impossible shape')
  const bytes = shape.reduce((product: number, size: number) => product * size, ITEM_BYTES[dtype])
  if (bytes !== end - start) throw fail(`needs ${bytes} bytes and has ${end - start}`)
  const storage = new StorageRef(name, dtype, bytes / ITEM_BYTES[dtype], 'cpu')
  const ref = tensorRef(path, storage, 0, shape, rowMajorStride(shape))
  return { ref, start: dataStart + start, end: dataStart + end }
}

/** The format demands that tensors fill the data part without gap or overlap. */
function checkLayout(
  path: string,
  entries: ReadonlyMap<string, Entry>,
  dataStart: number,
  size: number,
): void {
  let at = dataStart
  for (const [name, { start, end }] of [...entries].sort(
    ([, a], [, b]) => a.start - b.start || a.end - b.end,
  )) {
    if (start !== at)
      throw new SafetensorsError(path, `tensor ${name} begins at byte ${start}, expected ${at}`)
    at = end
  }
  if (at !== size)
    throw new SafetensorsError(path, `the file has ${size} bytes, its header describes ${at} (truncated?)`)
}

async function readHeader(source: ByteSource): Promise<{ json: Record<string, unknown>; dataStart: number }> {
  const fail = (what: string) =>
    new SafetensorsError(source.name, `is not a safetensors file or is damaged: ${what}`)
  if (source.size < 8) throw fail(`it has only ${source.size} bytes`)
  const length = viewOf(await source.read(0, 8)).getBigUint64(0, true)
  if (length > BigInt(Math.min(source.size - 8, MAX_SAFETENSORS_HEADER_BYTES)))
    throw fail(`it claims a header of ${length} bytes`)
  const bytes = await source.read(8, Number(length))
  let json: unknown
  try {
    json = parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    throw fail(`its header is not JSON: ${(error as Error).message}`)
  }
  if (!isRecord(json)) throw fail('its header is not a JSON object')
  if (!Object.keys(json).every((name) => name.isWellFormed())) throw fail('a name is not Unicode')
  const { __metadata__: metadata = null } = json
  const isText = (each: unknown) => typeof each === 'string' && each.isWellFormed()
  if (metadata !== null && !(isRecord(metadata) && Object.entries(metadata).flat().every(isText)))
    throw fail('its __metadata__ are not texts')
  return { json, dataStart: 8 + Number(length) }
}

/**
 * Opens a safetensors file; its header is checked completely, its data read on demand. The format has no checksums.
 * Source: https://huggingface.co/docs/safetensors
 * @throws SafetensorsError when the header is damaged, tensors overlap or leave gaps, or the file is truncated
 */
export async function openSafetensors(path: string): Promise<WeightSource> {
  const source = await fileSource(path)
  return await orClose(source, async () => {
    const { json, dataStart } = await readHeader(source)
    const entries = new Map<string, Entry>()
    for (const [name, value] of Object.entries(json))
      if (name !== '__metadata__') entries.set(name, entry(path, name, value, dataStart))
    checkLayout(path, entries, dataStart, source.size)
    const tensors = [...entries].map(([name, { ref, start }]) => {
      const bytes = (offset: number, length: number) => source.read(start + offset, length)
      return [name, storedTensor(path, ref, bytes)] as const
    })
    return weightSource(path, new Map(tensors), () => source.close())
  })
}
