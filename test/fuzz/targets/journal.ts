import { expect } from 'bun:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { Journal, type JournalEntry } from '../../../src/checkpoint/index.ts'
import { mutated, type SeedFile } from '../mutations.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

const MODELS = 'digest of the models'
const HEADER = Buffer.concat([
  Buffer.from('VNPJRNL1'),
  new Bun.CryptoHasher('sha256').update(MODELS).digest(),
])

function u32(...values: number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer)
}

/** An entry by the layout in the documentation of formats, without our writer. */
function entry(model: string, count: number, dimension: number, seed: number): Buffer {
  const content = Buffer.alloc(count * (32 + 4 * dimension), seed)
  const body = Buffer.concat([u32(model.length, count, dimension), Buffer.from(model), content])
  return Buffer.concat([u32(body.length, crc32(body)), body])
}

const ENTRIES = [
  entry('esm2', 3, 4, 1),
  entry('dnabert_s', 1, 2, 2),
  entry('esm2', 2, 0, 3),
  entry('esm2', 0, 4, 4),
  entry('dnabert_s', 5, 2, 5),
]
const SEEDS: SeedFile[] = [
  { name: 'all', bytes: Buffer.concat([HEADER, ...ENTRIES]) },
  { name: 'some', bytes: Buffer.concat([HEADER, ...ENTRIES.slice(3), ENTRIES[0]!]) },
  { name: 'none', bytes: HEADER },
]
const WRITTEN = new Set(ENTRIES.map((bytes) => bytes.toString('hex')))

/** What has to be found: entries from the first on, as long as the checksum of each is right. */
function wanted(bytes: Buffer): string[] {
  const found: string[] = []
  if (!bytes.subarray(0, HEADER.length).equals(HEADER)) return found
  for (let at = HEADER.length; at + 8 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32LE(at)
    const whole = bytes.subarray(at, end)
    if (end > bytes.length || !WRITTEN.has(whole.toString('hex'))) break
    found.push(whole.toString('hex'))
    at = end
  }
  return found
}

function written({ model, keys, vectors, dimension }: JournalEntry): string {
  const numbers = Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength)
  const body = Buffer.concat([
    u32(model.length, keys.length / 32, dimension),
    Buffer.from(model),
    keys,
    numbers,
  ])
  return Buffer.concat([u32(body.length, crc32(body)), body]).toString('hex')
}

async function read(path: string): Promise<string[]> {
  const found: string[] = []
  await using _journal = await Journal.open(path, MODELS, (each) => void found.push(written(each)))
  return found
}

export const target: Target = {
  name: 'journal',
  about:
    'journals of a run: exactly the entries before the first damage, each as it was written, also after it was opened once more',
  weight: 1,
  property() {
    const scratch = new Scratch()
    return fc.asyncProperty(mutated(SEEDS, { tokens: ENTRIES, mostBytes: 4096 }), async ({ bytes }) => {
      const expected = wanted(Buffer.from(bytes))
      const path = scratch.put('a.journal', bytes)
      expect(await read(path)).toEqual(expected)
      expect(await read(path)).toEqual(expected)
    })
  },
}
