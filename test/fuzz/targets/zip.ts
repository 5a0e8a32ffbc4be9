import { expect } from 'bun:test'
import fc from 'fast-check'
import { memorySource } from '../../../src/torchfile/byte-source.ts'
import { TorchFileError } from '../../../src/torchfile/index.ts'
import { ZipArchive } from '../../../src/torchfile/zip-archive.ts'
import { mutated } from '../mutations.ts'
import { referenceOf, seedsOf } from '../references/programs.ts'
import type { Target } from '../target.ts'

/** No mutant holds more, compressed or not, unless it lies. */
const LIMIT = 2 ** 24

const TOKENS = [
  'PK\x01\x02',
  'PK\x03\x04',
  'PK\x05\x06',
  'PK\x06\x06',
  'PK\x06\x07',
  'PK\x07\x08',
  '../',
  '\x01\x00\x08\x00',
].map((token) => Buffer.from(token, 'latin1'))

async function ours(bytes: Uint8Array): Promise<string | TorchFileError> {
  try {
    const archive = await ZipArchive.open(memorySource(bytes, 'mutant'))
    await archive.verify()
    const lines = ['ok']
    for (const name of archive.members.keys()) {
      const content = await archive.read(name, LIMIT)
      lines.push(
        `${Buffer.from(name).toString('hex')} ${new Bun.CryptoHasher('sha256').update(content).digest('hex')}`,
      )
    }
    return lines.join('\n')
  } catch (error) {
    if (error instanceof TorchFileError) return error
    throw error
  }
}

export const target: Target = {
  name: 'zip',
  about: "zip files: the members and contents that Python's zipfile finds, or a TorchFileError",
  weight: 2,
  property() {
    const reference = referenceOf('zips.py')
    const mutants = mutated(seedsOf('zips.py'), { tokens: TOKENS })
    return fc.asyncProperty(mutants, async ({ bytes }) => {
      const [found, wanted] = [await ours(bytes), await reference(bytes)]
      if (found instanceof Error || wanted === 'unknown') return
      expect(found).toBe(wanted)
    })
  },
}
