import { deepStrictEqual } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { bgzip } from '../../../scripts/support/bam.ts'
import { FastaError, type InputDigest, newReadStatistics, type OnInvalid } from '../../../src/fasta/index.ts'
import { type InternalReadOptions, readSequences } from '../../../src/fasta/read.ts'
import type { Target } from '../target.ts'
import { fastaText, fastqText } from '../text.ts'
import { type Event, reported, TextModel } from '../text-model.ts'

const STORED = {
  plain: (text: Uint8Array) => text,
  gzip: (text: Uint8Array) => gzipSync(text),
  'two members': (text: Uint8Array) =>
    Buffer.concat([gzipSync(text.subarray(0, text.length >> 1)), gzipSync(text.subarray(text.length >> 1))]),
  bgzip: (text: Uint8Array) => bgzip(text, 50),
  zstd: (text: Uint8Array) => zstdCompressSync(text),
}
type Stored = keyof typeof STORED

interface Input {
  readonly text: Uint8Array
  readonly stored: Stored
  readonly ending: string
  /** Whether it comes through a pipe. */
  readonly isPipe: boolean
}

const input = (text: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Input> =>
  fc.record({
    text,
    stored: fc.constantFrom(...(Object.keys(STORED) as Stored[])),
    ending: fc.constantFrom('.fa', '.fq', '.gz', '.zst', '.bam', ''),
    isPipe: fc.boolean(),
  })

interface Read {
  records: object[]
  reports: object[]
  fault: object | undefined
  digests: InputDigest[]
}

async function read(paths: readonly string[], options: InternalReadOptions): Promise<Read> {
  const found: Read = { records: [], reports: [], fault: undefined, digests: [] }
  const place = (path: string) => paths.indexOf(path)
  try {
    const batches = readSequences(paths, {
      ...options,
      onInvalidRecord: ({ source, reason, line, id }) =>
        found.reports.push({ reason, line, id, input: place(source) }),
      onInputRead: (_, digest) => void found.digests.push(digest),
    })
    for await (const batch of batches)
      for (const { id, description, sequence, line, source } of batch) {
        const letters = Buffer.from(sequence).toString('latin1')
        found.records.push({ record: id, description, sequence: letters, line, input: place(source) })
      }
  } catch (error) {
    if (!(error instanceof FastaError)) throw error
    const { reason, line, id, source } = error
    found.fault = { reason, line, id, input: place(source) }
  }
  return found
}

/** An input in its place: a file, or an open pipe with all of its bytes. */
function provide(path: string, bytes: Uint8Array, isPipe: boolean): { path: string; end: () => void } {
  if (!isPipe) {
    writeFileSync(path, bytes)
    return { path, end: () => rmSync(path) }
  }
  const pipe = `${path}.pipe`
  if (!existsSync(pipe)) Bun.spawnSync(['mkfifo', pipe])
  // Neither end waits for the other, and the bytes fit into the pipe.
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
  if (writeSync(writer, bytes) !== bytes.length) throw new Error('the pipe is too short')
  closeSync(writer)
  return { path: `/dev/fd/${reader}`, end: () => closeSync(reader) }
}

/** For the files; the runner removes it. */
let folder = ''

async function check(
  inputs: readonly Input[],
  onInvalid: OnInvalid,
  options: InternalReadOptions,
): Promise<void> {
  folder ||= mkdtempSync(join(tmpdir(), 'inputs-'))
  const ids = new Set<string>()
  const events: (Event & { input: number })[] = inputs.flatMap(({ text }, at) =>
    new TextModel(Buffer.from(text).toString('latin1'), ids).events.map((event) => ({ ...event, input: at })),
  )
  const stored = inputs.map(({ text, stored }) => STORED[stored](text))
  const places = inputs.map(({ ending, isPipe }, at) =>
    provide(join(folder, isPipe ? `${at}` : `${at}${ending}`), stored[at]!, isPipe),
  )
  const statistics = newReadStatistics()
  const found = await read(
    places.map(({ path }) => path),
    { ...options, onInvalid, statistics, allowEmpty: onInvalid !== 'fail' },
  )
  for (const { end } of places) end()
  const { reports, fault } = reported(events, onInvalid)
  deepStrictEqual([found.reports, found.fault], [reports, fault])
  if (fault !== undefined) return
  deepStrictEqual(
    found.records,
    events.filter((event) => 'record' in event),
  )
  deepStrictEqual(
    found.digests,
    stored.map((bytes) => ({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })),
  )
  deepStrictEqual([statistics.inputs, statistics.records], [inputs.length, found.records.length])
}

export const target: Target = {
  name: 'inputs',
  about:
    'one to three files and pipes, plain and compressed, under any name, against the model and the digest of each',
  weight: 2,
  property: () =>
    fc.asyncProperty(
      // Two of FASTQ may be mates, whose names change.
      fc.array(input(fastaText), { maxLength: 2 }),
      fc.option(input(fastqText), { nil: undefined }),
      fc.constantFrom<OnInvalid[]>('skip', 'auto', 'fail'),
      fc.record({
        readBytes: fc.integer({ min: 1, max: 200 }),
        batchBases: fc.integer({ min: 1, max: 200 }),
      }),
      async (fasta, fastq, onInvalid, options) => {
        const inputs = fastq === undefined ? fasta : [...fasta, fastq]
        fc.pre(inputs.length > 0)
        await check(inputs, onInvalid, options)
      },
    ),
}
