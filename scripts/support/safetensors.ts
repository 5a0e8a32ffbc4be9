/** A float32 tensor. */
export interface NamedTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/**
 * Bytes of a safetensors file: length of the header, header in JSON padded to 8 bytes, data.
 * Source: https://github.com/huggingface/safetensors, section Format.
 */
export function encodeSafetensors(tensors: Readonly<Record<string, NamedTensor>>): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  const data: Uint8Array[] = []
  let offset = 0
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes.length] }
    data.push(bytes)
    offset += bytes.length
  }
  const json = JSON.stringify(header)
  const padded = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8))
  const length = new Uint8Array(new BigUint64Array([BigInt(padded.length)]).buffer)
  return Buffer.concat([length, padded, ...data])
}
