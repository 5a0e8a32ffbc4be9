import { afterAll, setDefaultTimeout } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
