import { afterAll, setDefaultTimeout } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { FastaError, type InvalidRecord } from '../../../src/fasta/index.ts'
import { type InternalReadOptions, readSequences } from '../../../src/fasta/read.ts'

/** A folder of its own for a test file, removed at its end; returns a function that writes a file in it. */
export function scratch(): { folder: string; file(name: string, content: string | Uint8Array): string } {
  setDefaultTimeout(60_000) // child processes on a loaded machine
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-fasta-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return {
    folder,
    file(name, content) {
      const path = join(folder, name)
      writeFileSync(path, content)
      return path
    },
  }
}

export interface FlatRecord {
  id: string
  sequence: string
  line: number
}

/** All records of the inputs, sequences as text. */
export async function collect(
  inputs: string | string[],
  options: InternalReadOptions = {},
): Promise<FlatRecord[]> {
  const records: FlatRecord[] = []
  for await (const batch of readSequences([inputs].flat(), options)) {
    for (const { id, sequence, line } of batch) {
      records.push({ id, sequence: Buffer.from(sequence).toString('latin1'), line })
    }
  }
  return records
}

/** The error that reading ends with. */
export async function failure(
  inputs: string | string[],
  options: InternalReadOptions = {},
): Promise<FastaError> {
  try {
    await collect(inputs, options)
  } catch (error) {
    if (error instanceof FastaError) return error
    throw error
  }
  throw new Error('the input was read without an error')
}

/** What is read, and what is reported, when invalid content is skipped. */
export async function skipping(
  inputs: string | string[],
  options: InternalReadOptions = {},
): Promise<{ records: FlatRecord[]; reports: InvalidRecord[] }> {
  const reports: InvalidRecord[] = []
  const records = await collect(inputs, {
    onInvalid: 'skip',
    onInvalidRecord: (report) => reports.push(report),
    ...options,
  })
  return { records, reports }
}

/** One bgzip block (SAM specification, section 4.1) of at most 64 KiB. */
export function bgzfBlock(content: Uint8Array): Uint8Array {
  const deflated = deflateRawSync(content)
  const block = Buffer.alloc(18 + deflated.length + 8)
  Buffer.from('1f8b08040000000000ff0600424302000000', 'hex').copy(block)
  block.writeUInt16LE(block.length - 1, 16)
  deflated.copy(block, 18)
  block.writeUInt32LE(Bun.hash.crc32(content), 18 + deflated.length)
  block.writeUInt32LE(content.length, 22 + deflated.length)
  return block
}

/** A bgzip file; `endMarker` false leaves out the empty last block. */
export function bgzip(content: Uint8Array, blockBytes = 1000, endMarker = true): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let from = 0; from < content.length; from += blockBytes) {
    blocks.push(bgzfBlock(content.subarray(from, from + blockBytes)))
  }
  if (endMarker) blocks.push(bgzfBlock(new Uint8Array(0)))
  return Buffer.concat(blocks)
}
