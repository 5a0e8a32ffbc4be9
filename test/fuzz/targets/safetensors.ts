import { expect } from 'bun:test'
import fc from 'fast-check'
import { openSafetensors, SafetensorsError, TorchFileError } from '../../../src/torchfile/index.ts'
import { mutated, type SeedFile } from '../mutations.ts'
import { edited } from '../references/json-edits.ts'
import { referenceOf, seedsOf } from '../references/programs.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

const TOKENS = [
  '"dtype":"F32"',
  '"shape":[',
  '"data_offsets":[0,',
  '"__metadata__":{"a":"b"},',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  ' ',
  '-1',
  '1.0',
  '1e2',
  '18446744073709551615',
  '9007199254740993',
  '\\ud800',
  '\ufeff',
  '"F8_E4M3"',
  '"U64"',
  'null',
]

async function ours(path: string): Promise<string | TorchFileError> {
  try {
    const source = await openSafetensors(path)
    const lines: string[] = []
    for (const name of source.names()) {
      const { dtype, shape } = source.get(name)!
      const digest = new Bun.CryptoHasher('sha256').update(await source.read(name)).digest('hex')
      lines.push(`${Buffer.from(name).toString('hex')} ${dtype} ${shape.join(',')} ${digest}`)
    }
    await source.close()
    return ['ok', ...lines.sort()].join('\n')
  } catch (error) {
    if (error instanceof TorchFileError || error instanceof SafetensorsError) return error
    throw error
  }
}

/** What serde does not take and what means the same: 2.0 for 2, half a character in what nobody reads. */
const SAME = /invalid type: floating point|hex escape|surrogate/

/** A file whose header is JSON of the right length. */
function framed(header: unknown, data: Uint8Array): Uint8Array {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, data])
}

function parts({ bytes }: SeedFile): { header: object; data: Uint8Array } {
  const end = 8 + Number(Buffer.from(bytes).readBigUInt64LE(0))
  return { header: JSON.parse(Buffer.from(bytes.subarray(8, end)).toString()), data: bytes.subarray(end) }
}

export const target: Target = {
  name: 'safetensors',
  about:
    'safetensors files, damaged or with headers that describe something else: tensors as the library in Rust finds them, or a SafetensorsError',
  weight: 2,
  property() {
    const scratch = new Scratch()
    const reference = referenceOf('tensors.py')
    const seeds = seedsOf('tensors.py')
    const damaged = mutated(seeds, { tokens: TOKENS }).map(({ bytes }) => bytes)
    const described = seeds
      .map(parts)
      .map(({ header, data }) => edited([header]).map((value) => framed(value, data)))
    return fc.asyncProperty(fc.oneof(damaged, ...described), async (bytes) => {
      const [found, wanted] = [await ours(scratch.put('model.safetensors', bytes)), await reference(bytes)]
      if (found instanceof Error || SAME.test(wanted)) return
      expect(found).toBe(wanted)
    })
  },
}
