import { expect, test } from 'bun:test'
import { chmodSync } from 'node:fs'
import type { InvalidReason } from '../../../src/fasta/index.ts'
import { VirnucproError } from '../../../src/system/errors.ts'
import { collect, failure, scratch, skipping } from './support.ts'

const { folder, file } = scratch()
const GOOD = '>good\nACGT\n'
const PROTEIN = 'MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ'

interface Case {
  name: string
  content: string | Uint8Array
  reason: InvalidReason
  line: number
  message: RegExp
  /** Where `fail` stops at something else before. @default the reason */
  failReason?: InvalidReason
  /** Ids that remain when invalid content is skipped. */
  kept: string[]
}

const latin1 = (text: string) => Buffer.from(text, 'latin1')

const CASES: Case[] = [
  {
    name: 'text first',
    content: `\nhello\nworld\n${GOOD}`,
    reason: 'text_before_first_record',
    line: 2,
    message: /"hello"/,
    kept: ['good'],
  },
  {
    name: 'indented header first',
    content: ` >x\nAC\n${GOOD}`,
    reason: 'text_before_first_record',
    line: 1,
    message: /">x"/,
    kept: ['good'],
  },
  {
    name: 'no header at all',
    content: 'ACGT\nACGT\n',
    reason: 'text_before_first_record',
    line: 1,
    message: /starts with '>'/,
    kept: [],
  },
  {
    name: 'GenBank',
    content: 'LOCUS       X\n',
    reason: 'text_before_first_record',
    line: 1,
    message: /GenBank/,
    kept: [],
  },
  {
    name: 'SAM',
    content: '@HD\tVN:1.6\n@SQ\tSN:x\n',
    reason: 'text_before_first_record',
    line: 1,
    message: /samtools fasta/,
    kept: [],
  },
  {
    name: 'HTML',
    content: '<!DOCTYPE html>\n<p>> 404</p>',
    reason: 'text_before_first_record',
    line: 1,
    message: /HTML/,
    kept: [],
  },
  {
    name: 'duplicate',
    content: `${GOOD}>b\nA\n>good x\nCC\n>c\nA`,
    reason: 'duplicate_id',
    line: 5,
    message: /"good", first at .*:1;/,
    kept: ['good', 'b', 'c'],
  },
  {
    name: 'duplicate without id',
    content: '>\nA\n> \nC\n',
    reason: 'duplicate_id',
    line: 3,
    message: /first at .*:1;/,
    failReason: 'no_id',
    kept: [''],
  },
  {
    name: 'protein',
    content: `${GOOD}>p\n${PROTEIN}\n>c\nA`,
    reason: 'protein',
    line: 3,
    message: /"p" looks like protein/,
    kept: ['good', 'c'],
  },
  {
    name: 'short peptide',
    content: `${GOOD}>p\nMKVLAAGIVG\n`,
    reason: 'protein',
    line: 3,
    message: /looks like protein/,
    kept: ['good'],
  },
  {
    name: 'the beginning of a byte order mark before a record',
    content: latin1(`\n\xef\xbb>x\nAC\n${GOOD}`),
    reason: 'text_before_first_record',
    line: 2,
    message: /text before the first record/,
    kept: ['good'],
  },
  {
    name: 'the beginning of a byte order mark, then NUL',
    content: latin1('\xefx\n\0>x\nA'),
    reason: 'binary',
    line: 1,
    message: /byte 0x00/,
    kept: [],
  },
  {
    name: 'the beginning of a byte order mark alone',
    content: latin1('\xef\xbb'),
    reason: 'text_before_first_record',
    line: 1,
    message: /text before the first record/,
    kept: [],
  },
  {
    name: 'FASTQ, the beginning of a byte order mark before a record',
    content: latin1('@a\nAC\n+\nII\n\xef@b\nAC\n+\nII\n@c\nAC\n+\nII\n'),
    reason: 'malformed_fastq',
    line: 5,
    message: /must start with '@'/,
    kept: ['a', 'c'],
  },
  {
    name: 'FASTQ, the beginning of a byte order mark at the end',
    content: latin1('@a\nAC\n+\nII\n\xef\xbb'),
    reason: 'malformed_fastq',
    line: 5,
    message: /must start with '@'/,
    kept: ['a'],
  },
  {
    name: 'FASTQ that ends inside a byte order mark among letters',
    content: latin1('@b\nAC\n+\nII\n@a\nAC\xef\xbb'),
    reason: 'non_ascii',
    line: 6,
    message: /byte 0xEF/,
    kept: ['b'],
  },
  {
    name: 'FASTQ, binary data after a record whose quality may be a header',
    content: '@a\nACGT\n+\nI\n@II\n\n\0\n',
    reason: 'binary',
    line: 7,
    message: /byte 0x00/,
    kept: ['a'],
  },
  {
    name: 'NUL in a sequence',
    content: `${GOOD}>b\nAC\0GT\n>c\nA`,
    reason: 'binary',
    line: 4,
    message: /byte 0x00/,
    kept: ['good'],
  },
  {
    name: 'NUL in a header',
    content: `${GOOD}>b\0\nACGT\n>c\nA`,
    reason: 'binary',
    line: 3,
    message: /byte 0x00/,
    kept: ['good'],
  },
  {
    name: 'control byte',
    content: `${GOOD}>b\nAC\x07GT\n`,
    reason: 'binary',
    line: 4,
    message: /byte 0x07/,
    kept: ['good'],
  },
  {
    name: 'binary from the start',
    content: new Uint8Array([3, 65, 66, 0, 9]),
    reason: 'binary',
    line: 1,
    message: /byte 0x03/,
    kept: [],
  },
  {
    name: 'text, then NUL',
    content: 'abc\0def\n>x\nA',
    reason: 'binary',
    line: 1,
    message: /byte 0x00/,
    kept: [],
  },
  {
    name: 'PNG',
    content: latin1('\x89PNG\r\n\x1a\n\0\0'),
    reason: 'binary',
    line: 1,
    message: /PNG data/,
    kept: [],
  },
  { name: 'PDF', content: '%PDF-1.7\n', reason: 'binary', line: 1, message: /PDF data/, kept: [] },
  { name: 'zip', content: 'PK\x03\x04\0', reason: 'binary', line: 1, message: /zip data.*unpack/, kept: [] },
  {
    name: 'tar',
    content: `${'x.fa'.padEnd(257, '\0')}ustar\0`,
    reason: 'binary',
    line: 1,
    message: /tar data.*unpack/,
    kept: [],
  },
  {
    name: 'UTF-16',
    content: Buffer.from('\ufeff>a\nACGT\n', 'utf16le'),
    reason: 'binary',
    line: 1,
    message: /iconv -f UTF-16/,
    kept: [],
  },
  {
    name: 'accent in a sequence',
    content: `${GOOD}>b\nAC\u00e9GT\n>c\nA`,
    reason: 'non_ascii',
    line: 4,
    message: /byte 0xC3/,
    kept: ['good', 'c'],
  },
  {
    name: 'Latin-1 header',
    content: latin1(`${GOOD}>b caf\xe9\nACGT\n>c\nA`),
    reason: 'invalid_utf8',
    line: 3,
    message: /not valid UTF-8/,
    kept: ['good', 'c'],
  },
  {
    name: 'endless header',
    content: `${GOOD}>b ${'x'.repeat(17 << 20)}\nA\n>c\nA`,
    reason: 'header_too_long',
    line: 3,
    message: /16 MiB/,
    kept: ['good', 'c'],
  },
  {
    name: 'endless id',
    content: `${GOOD}>${'x'.repeat((16 << 10) + 1)} b\nA\n>c\nA`,
    reason: 'header_too_long',
    line: 3,
    message: /the id, .*, is longer than 16 KiB/,
    kept: ['good', 'c'],
  },
  {
    name: 'endless id of other letters',
    content: `${GOOD}>${'\u00e9'.repeat((8 << 10) + 1)}\nA\n>c\nA`,
    reason: 'header_too_long',
    line: 3,
    message: /16 KiB/,
    kept: ['good', 'c'],
  },
  {
    name: 'FASTQ, short quality',
    content: '@a\nACGT\n+\nII\n@b\nAC\n+\nII\n',
    reason: 'malformed_fastq',
    line: 1,
    message: /quality has 2 letters, the sequence 4/,
    kept: ['b'],
  },
  {
    name: 'FASTQ, long quality',
    content: '@a\nAC\n+\nIIII\n@b\nAC\n+\nII\n',
    reason: 'malformed_fastq',
    line: 1,
    message: /quality has 4 letters, the sequence 2/,
    kept: ['b'],
  },
  {
    name: 'FASTQ, no plus',
    content: '@a\nACGT\nIIII\n@b\nAC\n+\nII\n',
    reason: 'malformed_fastq',
    line: 1,
    message: /'\+' line is missing/,
    kept: ['b'],
  },
  {
    name: 'FASTQ cut off',
    content: '@b\nAC\n+\nII\n@a\nACGT\n+\nI',
    reason: 'malformed_fastq',
    line: 5,
    message: /quality has 1 letters/,
    kept: ['b'],
  },
  {
    name: 'FASTQ cut off early',
    content: '@b\nAC\n+\nII\n@a\nACGT',
    reason: 'malformed_fastq',
    line: 5,
    message: /ends inside the record/,
    kept: ['b'],
  },
  {
    name: 'FASTQ, then FASTA',
    content: '@b\nAC\n+\nII\n>a\nACGT\n',
    reason: 'malformed_fastq',
    line: 5,
    message: /must start with '@'/,
    kept: ['b'],
  },
]

test.each([
  ['>a\nAC\xe9G\0T\n>b\nA', ['non_ascii', 'binary']],
  ['>a\nAC\0G\xe9T\n>b\nA', ['binary']],
  ['@a\nAC\n+\nII\ntext\0\n', ['malformed_fastq', 'binary']],
  ['@a\nACGT\n+\nI\n@I\0\n', ['malformed_fastq', 'binary']],
])('what is found in %j does not depend on how it is read', async (text, reasons) => {
  const path = file('pieces.fa', latin1(text))
  for (const readBytes of [1, 2, 3, 1 << 18]) {
    const { reports } = await skipping(path, { readBytes })
    expect(reports.map(({ reason }) => reason)).toEqual(reasons as InvalidReason[])
    expect((await failure(path, { readBytes })).reason).toBe(reasons[0] as InvalidReason)
  }
})

for (const { name, content, reason, line, message, kept, failReason = reason } of CASES) {
  test(`${name}: an error naming file and line; skipped on request`, async () => {
    const path = file('invalid.fa', content)
    const sizes = content.length > 1e6 ? [1 << 18] : [1, 3, 1 << 18]
    for (const readBytes of sizes) {
      const error = await failure(path, { readBytes })
      expect(error.message).toStartWith(`${path}:${line}: `)
      expect(error.message).toMatch(message)
      expect(error.message).toContain('; ') // what to do
      expect(error).toBeInstanceOf(VirnucproError)
      expect(error).toMatchObject({ source: path, line, reason, name: 'FastaError' })
      expect((await failure(path, { readBytes, onInvalid: 'fail' })).reason).toBe(failReason)

      const { records, reports: all } = await skipping(path, { readBytes })
      expect(records.map(({ id }) => id)).toEqual(kept)
      const reports = all.filter(({ outcome }) => outcome === 'left_out')
      expect(reports).toMatchObject([{ source: path, line, reason }])
      expect(reports[0]!.message).toStartWith(`${path}:${line}: `)
    }
  })
}

test('an empty record is skipped by default, and an error when asked for', async () => {
  for (const content of [`>e\n>f x\n\n \n${GOOD}>g`, `@e\n\n+\n\n@f\n\n+\n@good\nAC\n+\nII\n@g\n\n+\n`]) {
    const path = file('empties', content)
    const { records, reports } = await skipping(path, { onInvalid: 'auto', readBytes: 2 })
    expect(records.map(({ id }) => id)).toEqual(['good'])
    expect(reports.map(({ id, reason }) => [id, reason])).toEqual([
      ['e', 'empty_record'],
      ['f', 'empty_record'],
      ['g', 'empty_record'],
    ])
    expect(await failure(path, { onInvalid: 'fail' })).toMatchObject({
      reason: 'empty_record',
      line: 1,
      id: 'e',
    })
  }
})

test('DNA with stray letters, masks and gaps is no protein', async () => {
  const dna = 'ACGTACGTAC'
  const path = file(
    'stray.fa',
    `>x\n${dna}X?\n>masked\n${'X'.repeat(50)}${dna}\n>gaps\n---${dna}***\n>iupac\nRYSWKMBDHVNU\n>typo\n${dna.repeat(8)}EFL\n>one\nACL\n`,
  )
  expect((await collect(path)).length).toBe(6)
})

test('an invalid file among several: the others are read', async () => {
  const inputs = [
    file('1.fa', '>a\nA\n'),
    file('2.fa', ''),
    file('3.png', latin1('\x89PNG\r\n')),
    file('4.fa', '>b\nC\n'),
  ]
  const { records, reports } = await skipping(inputs)
  expect(records.map(({ id }) => id)).toEqual(['a', 'b'])
  expect(reports.map(({ source, reason }) => [source, reason])).toEqual([
    [inputs[1]!, 'empty_file'],
    [inputs[2]!, 'binary'],
  ])
})

test('what cannot be opened is found before anything is read', async () => {
  const good = file('good.fa', GOOD)
  const missing = `${folder}/missing.fa`
  expect(await failure([good, missing])).toMatchObject({
    source: missing,
    reason: 'not_found',
    line: undefined,
  })
  expect((await failure([good, missing])).message).toBe(`${missing}: no such file; check the path`)
  expect(await failure([good, folder])).toMatchObject({ source: folder, reason: 'directory' })
  expect(await failure(['-', good, '-'])).toMatchObject({ source: '<stdin>', reason: 'stream_twice' })
})

test.skipIf(process.getuid?.() === 0)('a file without read permission', async () => {
  const path = file('secret.fa', GOOD)
  chmodSync(path, 0)
  expect(await failure(path)).toMatchObject({ source: path, reason: 'unreadable' })
})
