import { expect } from 'bun:test'
import fc from 'fast-check'
import {
  decodeDnabert,
  decodeEsm,
  decodeMerged,
  encodeDnabertFile,
  encodeEsmFile,
  encodeMergedFile,
  type FeatureTable,
  featureKind,
  readTorchFile,
  TorchFileError,
} from '../../../src/torchfile/index.ts'
import { mutated, type SeedFile } from '../mutations.ts'
import { seedsOf } from '../references/programs.ts'
import type { Target } from '../target.ts'

const DECODERS = { dnabert: decodeDnabert, esm: decodeEsm, merged: decodeMerged }
const TABLES: FeatureTable[] = [3, 4, 7].map((dim) => ({
  ids: ['a_chunk_1F1', 'Größe_chunk_2R3', 'c_chunk_1R1'],
  rows: Float32Array.from({ length: 3 * dim }, (_, i) => Math.fround(Math.sin(i + dim))),
  dim,
}))
const TOKENS = [
  'PK\x03\x04',
  'PK\x01\x02',
  'PK\x05\x06',
  'PK\x06\x06',
  'PK\x07\x08',
  '\x80\x02',
  '.',
  'K\x04',
  'K\x00',
  'cos\nsystem\n',
  'R',
  'Q',
  'h\x00',
].map((text) => Buffer.from(text, 'latin1'))

function shown({ ids, rows, dim }: FeatureTable): string {
  return JSON.stringify([
    ids,
    Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength).toString('hex'),
    dim,
  ])
}

/** The table of a file; undefined where it is one of our errors. */
async function tableOf(bytes: Uint8Array): Promise<{ format: string; table: FeatureTable } | undefined> {
  try {
    const file = await readTorchFile(bytes, { name: 'mutant' })
    const kind = featureKind(file)
    return kind && { format: file.format, table: await DECODERS[kind](file) }
  } catch (error) {
    if (error instanceof TorchFileError) return undefined
    throw error
  }
}

const encode = [encodeDnabertFile, encodeEsmFile, encodeMergedFile]
const FILES: SeedFile[] = await Promise.all(
  TABLES.map(async (table, i) => ({ name: `${i}.pt`, bytes: await encode[i]!(table, { archiveName: 'x' }) })),
)
const KNOWN = new Set(TABLES.map(shown))

export const target: Target = {
  name: 'torch-file',
  about:
    'files of torch.save in both of its formats, damaged: the table that was written, or a TorchFileError; without checksums a table with as many rows as ids',
  weight: 2,
  property() {
    const legacy = seedsOf('legacy_torch.py')
    const mutants = mutated([...FILES, ...legacy], { tokens: TOKENS })
    return fc.asyncProperty(mutants, async ({ bytes }) => {
      const found = await tableOf(bytes)
      if (found === undefined) return
      const { format, table } = found
      if (format === 'zip') expect(KNOWN).toContain(shown(table))
      else expect(table.rows.length).toBe(table.ids.length * table.dim)
    })
  },
}
