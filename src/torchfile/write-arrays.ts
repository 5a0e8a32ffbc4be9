import { ITEM_BYTES } from './dtype.ts'
import { type ByteSink, ZipWriter } from './zip-writer.ts'

/** An array whose values come in pieces, row-major and little-endian. */
export interface StreamedArray {
  readonly name: string
  readonly shape: readonly number[]
  /** Exactly as many bytes as the shape needs. */
  content(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

/** The header of safetensors is padded to this. */
const HEADER_ALIGNMENT = 8

/**
 * Writes a safetensors file; beside one piece of an array nothing is held.
 * Source: https://huggingface.co/docs/safetensors
 *
 * @param metadata - texts by name
 */
export async function writeSafetensors(
  sink: ByteSink,
  tensors: readonly (StreamedArray & { readonly dtype: 'F32' | 'U8' })[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  let end = 0
  const entries = tensors.map(({ name, dtype, shape }) => {
    const start = end
    end += shape.reduce((product, size) => product * size, ITEM_BYTES[dtype])
    return [name, { dtype, shape, data_offsets: [start, end] }]
  })
  const json = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }))
  const padding = -json.length & (HEADER_ALIGNMENT - 1)
  const header = Buffer.alloc(8 + json.length + padding, ' ')
  header.writeBigUInt64LE(BigInt(json.length + padding))
  json.copy(header, 8)
  await sink(header)
  for (const tensor of tensors) for await (const piece of tensor.content()) await sink(piece)
}

/** The header of a `.npy` file is padded to this. */
const NPY_ALIGNMENT = 64
const NPY_MAGIC = '\x93NUMPY\x01\x00'

/** Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0 */
function npyHeader(descr: string, shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`
  const before = NPY_MAGIC.length + 2
  const padded = text.padEnd(text.length + (-(before + text.length + 1) & (NPY_ALIGNMENT - 1)))
  const header = Buffer.alloc(before, NPY_MAGIC, 'latin1')
  header.writeUInt16LE(padded.length + 1, NPY_MAGIC.length)
  return Buffer.concat([header, Buffer.from(`${padded}\n`)])
}

/**
 * Writes a file for `numpy.load`, without compression and without pickle; beside one piece of an array nothing is held.
 *
 * @param arrays - `descr` is numpy's name of the element type, such as `<f4`
 */
export async function writeNpz(
  sink: ByteSink,
  arrays: readonly (StreamedArray & { readonly descr: string })[],
): Promise<void> {
  const zip = new ZipWriter(sink)
  for (const { name, descr, shape, content } of arrays) {
    const whole = async function* () {
      yield npyHeader(descr, shape)
      yield* content()
    }
    await zip.member(`${name}.npy`, whole())
  }
  await zip.finish()
}
