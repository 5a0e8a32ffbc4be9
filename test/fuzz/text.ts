import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { BamParser } from '../../src/fasta/bam-parser.ts'
import { beginsBam, HEAD_BYTES } from '../../src/fasta/formats.ts'
import { FastaError, type InvalidRecord, type ReadOptions } from '../../src/fasta/index.ts'
import { InputParser } from '../../src/fasta/input-parser.ts'
import { RecordSink } from '../../src/fasta/record-sink.ts'
import type { SeedFile } from './mutations.ts'

/** What reading gives, in a form that is compared as a whole. */
export interface ReadText {
  records: { id: string; description: string; sequence: string; line: number }[]
  reports: InvalidRecord[]
  error: { reason: string; line: number | undefined; id: string; message: string } | undefined
}

/** Reads a text, or BAM, that comes in pieces of these sizes, over and over; whole without. */
export function readText(content: Uint8Array, sizes: readonly number[], options: ReadOptions): ReadText {
  // A buffer's own `slice` would share its bytes.
  const text = new Uint8Array(content)
  const found: ReadText = { records: [], reports: [], error: undefined }
  const sink = new RecordSink({ ...options, onInvalidRecord: (report) => found.reports.push(report) })
  const take = (batches: ReturnType<RecordSink['takeAll']>) => {
    for (const { id, description, sequence, line } of batches.flat())
      found.records.push({ id, description, sequence: Buffer.from(sequence).toString('latin1'), line })
  }
  try {
    sink.startInput({
      input: 'x',
      name: 'x',
      kind: 'file',
      descriptor: undefined,
      isRegular: true,
      device: 0,
      inode: 0,
    })
    const head = text.slice(0, HEAD_BYTES)
    const parser = beginsBam(head) ? new BamParser(sink) : new InputParser(sink, head)
    for (let at = 0, turn = 0; at < text.length && !parser.abandoned; turn++) {
      const piece = text.slice(at, at + (sizes[turn % sizes.length] ?? text.length))
      at += piece.length
      parser.push(piece)
      // The reader of files uses its buffers again.
      piece.fill(0x47)
      take(sink.takeFull())
    }
    parser.finish()
    take(sink.takeAll())
  } catch (error) {
    if (!(error instanceof FastaError)) throw error
    const { reason, line, id, message } = error
    found.error = { reason, line, id, message }
    found.records = []
  } finally {
    sink.close()
  }
  return found
}

const bytes = (text: string) => Buffer.from(text, 'latin1')

/** Sizes of pieces, mostly tiny. */
export const pieceSizes: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 12 }), {
  minLength: 1,
  maxLength: 5,
})

const LINE_ENDS = ['\n', '\r\n', '\r'] as const
const lineEnd = fc.oneof({ weight: 6, arbitrary: fc.constant('\n') }, fc.constantFrom(...LINE_ENDS))
const dna = fc.stringMatching(/^[ACGTacgtN]{1,24}$/)
/** What is not DNA alone, from what users have and what no user should. */
const oddLetters = fc.oneof(
  fc.stringMatching(/^[ACGTURYSWKMBDHVNacgturyswkmbdhvn]{1,12}$/),
  fc.stringMatching(/^[ACGTEFILPQ]{1,8}$/),
  fc.stringMatching(/^[ACGT .*>;@+0-9\t-]{0,12}$/),
  fc.constantFrom(
    'ACGT>x',
    ' >x',
    '>x',
    'AC GT',
    ' ',
    '\t',
    '\v',
    '//',
    '\x7f',
    '\0',
    '\x07',
    '\x1c',
    'é',
    '*',
  ),
  fc.constantFrom(
    '\xef\xbb\xbf',
    '\xef\xbb',
    '\xef',
    '\xbb\xbf',
    'AC\xe9',
    '\xc3\xa9',
    '\xef\xbb\xbf\xef\xbb\xbf',
  ),
)
const name = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-d]{1,2}$/) },
  fc.stringMatching(/^[ -~]{0,12}$/),
  fc.constantFrom(
    '',
    ' ',
    'a\tb',
    'a  b c ',
    'a\x1cb',
    '\xc3\xa9 \xce\xb2',
    '\xe9',
    '\xe2\x80\x83a\xe3\x80\x80b',
    'a\0',
    'a\x01',
  ),
  fc.constantFrom(
    '\xef\xbb\xbfa',
    'a>b',
    '>a',
    '@',
    '+',
    'a\xc2\xa0b',
    'a\xc2\x85b',
    '\xed\xa0\x80',
    '\xf0\x9d\x92\x9c b',
  ),
)

/** Between records and before them. */
const stray = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('', ' ', '\t ', '\xef\xbb\xbf') },
  fc.constantFrom(
    '; comment',
    'text',
    '@HD\tVN:1.6',
    '@',
    '+',
    '\xef',
    '\xef\xbb',
    '\xef\xbb\xbf\xef',
    'LOCUS ',
    '\x0c',
    '\0',
  ),
)

/** @param line - a line of letters */
const fastaRecord = (line: fc.Arbitrary<string>) =>
  fc
    .tuple(name, lineEnd, fc.array(fc.tuple(line, lineEnd), { maxLength: 4 }))
    .map(([header, end, lines]) => ['>', header, end, ...lines.flat()])

/** Records, perhaps without the last byte. */
const joinedUp = (records: fc.Arbitrary<string[][]>): fc.Arbitrary<Uint8Array> =>
  fc.tuple(records, fc.boolean()).map(([parts, isCut]) => {
    const text = bytes(parts.flat().join(''))
    return isCut ? text.subarray(0, -1) : text
  })

/** FASTA as users have it, and worse. */
export const fastaText = joinedUp(
  fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fastaRecord(fc.oneof({ weight: 4, arbitrary: dna }, oddLetters)) },
      fc.tuple(stray, lineEnd),
    ),
    { maxLength: 6 },
  ),
)

/** Lines of a record that is read, however odd they are. */
const readable = fc.oneof(
  { weight: 4, arbitrary: dna },
  fc.stringMatching(/^[ACGTURYSWKMBDHVNacgturyswkmbdhvn]{1,12}$/),
  fc.stringMatching(/^[ACGT][ACGT .*;@+0-9\t-]{0,12}$/),
  fc.constantFrom('ACGT>x', 'AC GT', '\t', '//', '*'),
)

/** Ids of their own. */
const numbered = (records: string[][]) =>
  records.map(([start = '', header = '', ...rest], index) => [start, `r${index}${header}`, ...rest])

/** FASTA in which little is left out. */
export const plainFasta = joinedUp(
  fc.array(fastaRecord(readable), { minLength: 1, maxLength: 6 }).map(numbered),
)

const quality = fc.stringMatching(/^[!-~]{0,24}$/)

const FITS = ['exactly', 'exactly', 'exactly', 'by line', 'by line', 'less', 'more', 'not'] as const

/** A record of four lines, or wrapped. */
const fastqRecord = (
  line: fc.Arbitrary<string>,
  plus: readonly string[],
  fit: readonly (typeof FITS)[number][],
) =>
  fc
    .record({
      header: name,
      lines: fc.array(line, { minLength: 1, maxLength: 3 }),
      plus: fc.constantFrom(...plus),
      qualities: fc.array(quality, { minLength: 1, maxLength: 3 }),
      first: fc.constantFrom('', '', '@', '+', '>'),
      fits: fc.constantFrom(...fit),
      end: lineEnd,
      wrapped: fc.boolean(),
    })
    .map(({ header, lines, plus, qualities, first, fits, end, wrapped }) => {
      const letters = wrapped ? lines : lines.slice(0, 1)
      const all = first + qualities.join('').padEnd(80, 'I')
      const length = letters.join('').length
      const split = () => letters.map(({ length }) => (first + 'I'.repeat(length)).slice(0, length))
      const others = {
        exactly: () => [all.slice(0, length)],
        'by line': split,
        less: () => [all.slice(0, Math.max(0, length - 1))],
        more: () => [all.slice(0, length + 1)],
        not: () => qualities,
      }
      return ['@', header, end, ...[...letters, plus, ...others[fits]()].flatMap((text) => [text, end])]
    })

/** FASTQ as users have it, and worse; the quality of a record fits more often than not. */
export const fastqText = joinedUp(
  fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fastqRecord(
          fc.oneof({ weight: 5, arbitrary: dna }, oddLetters),
          ['+', '+', '+', '+a', '', '-'],
          FITS,
        ),
      },
      fc.tuple(stray, lineEnd),
    ),
    { maxLength: 5 },
  ),
)

/** FASTQ in which little is left out. */
export const plainFastq = joinedUp(
  fc.array(fastqRecord(dna, ['+'], ['exactly', 'by line']), { minLength: 1, maxLength: 5 }).map(numbered),
)

const ROOT = resolve(import.meta.dir, '../..')

/** Real files, as much of each as is read a thousand times a second. */
export function realTexts(): SeedFile[] {
  const fasta = [
    'examples/contigs.fasta',
    'test/data/tiny/contigs.fasta',
    'test/data/old-runs/old_reads.fa',
  ].map((path) => ({ name: path, bytes: readFileSync(resolve(ROOT, path)).subarray(0, 1200) }))
  const reads = fasta.map(({ name: path, bytes: content }) => {
    const letters = content.toString('latin1').replaceAll(/>.*|\n/g, '')
    const records = [70, 100, 30].map((length, index) => {
      const sequence = letters.slice(index * 100, index * 100 + length)
      return `@SRR1.${index} ${index}/1\n${sequence}\n+\n${'@+IIFF#>'.repeat(20).slice(0, sequence.length)}\n`
    })
    return { name: `reads of ${path}`, bytes: bytes(records.join('')) }
  })
  return [...fasta, ...reads]
}
