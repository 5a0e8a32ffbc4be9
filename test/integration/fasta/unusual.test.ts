import { expect, test } from 'bun:test'
import type { InvalidReason } from '../../../src/fasta/index.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { collect, failure, scratch, skipping } from './support.ts'

const { file } = scratch()
const MARK = '\ufeff'

interface Case {
  name: string
  content: string
  /** Reason, line and id of what is reported. */
  reports: [InvalidReason, number, string][]
  records: [id: string, sequence: string][]
}

// What is unusual is read, as Biopython reads it but for marks, and named by file, line, record and kind.
const CASES: Case[] = [
  {
    name: 'files joined without a line end',
    content: '>alpha\nACGT\nACGT>beta second\nGGGG\n',
    reports: [['header_in_sequence', 3, 'alpha']],
    records: [['alpha', 'ACGTACGT>betasecondGGGG']],
  },
  {
    name: 'a blank before a header',
    content: '>a\nACGT\n \t>b\nGGGG\n',
    reports: [['header_after_blank', 3, 'a']],
    records: [['a', 'ACGT>bGGGG']],
  },
  {
    name: 'numbers and end mark of GenBank',
    content: `>a\n${'ACGT'.repeat(20)}\n>n\n        1 gatcctccat\n       11 acaacggtat\n//\n>c\nACGT\n`,
    reports: [['unknown_letters', 4, 'n']],
    records: [
      ['a', 'ACGT'.repeat(20)],
      ['n', '1gatcctccat11acaacggtat//'],
      ['c', 'ACGT'],
    ],
  },
  {
    name: 'a few protein letters',
    content: `>a\n${'ACGT'.repeat(20)}\nACEQ\n`,
    reports: [['unknown_letters', 3, 'a']],
    records: [['a', `${'ACGT'.repeat(20)}ACEQ`]],
  },
  {
    name: 'RNA',
    content: '>a\nACGT\n>b U\nACGA\nacgu\nUUU\n>c\nA>U\n',
    reports: [
      ['rna', 5, 'b'],
      ['header_in_sequence', 8, 'c'],
    ],
    records: [
      ['a', 'ACGT'],
      ['b', 'ACGAacguUUU'],
      ['c', 'A>U'],
    ],
  },
  {
    name: 'gaps of an alignment',
    content: '>a\nAC--GT\n>b\nACGT*\n>c\nA.C\n',
    reports: [
      ['gaps', 2, 'a'],
      ['gaps', 4, 'b'],
      ['gaps', 6, 'c'],
    ],
    records: [
      ['a', 'AC--GT'],
      ['b', 'ACGT*'],
      ['c', 'A.C'],
    ],
  },
  {
    name: 'several kinds in one record',
    content: '>a\nAC-T\nAC!T\nAC>T\n',
    reports: [
      ['header_in_sequence', 4, 'a'],
      ['unknown_letters', 3, 'a'],
      ['gaps', 2, 'a'],
    ],
    records: [['a', 'AC-TAC!TAC>T']],
  },
  {
    name: 'a record without an id',
    content: '>a\nAC\n>\nGT\n',
    reports: [['no_id', 3, '']],
    records: [
      ['a', 'AC'],
      ['', 'GT'],
    ],
  },
  {
    name: 'odd letters in FASTQ',
    content: '@a\nACGT5\n+\nIIIII\n@b\nAC-T\n+\nIIII\n',
    reports: [
      ['unknown_letters', 2, 'a'],
      ['gaps', 6, 'b'],
    ],
    records: [
      ['a', 'ACGT5'],
      ['b', 'AC-T'],
    ],
  },
]

const MARKED: Case[] = [
  {
    name: 'a byte order mark before a header',
    content: `>a\nACGT\n${MARK}>b\nGGGG\n`,
    reports: [['byte_order_mark', 3, 'a']],
    records: [
      ['a', 'ACGT'],
      ['b', 'GGGG'],
    ],
  },
  {
    name: 'a byte order mark before letters, and one among them',
    content: `>a\n${MARK}ACGT\nAC${MARK}GT\n>b\nA\n`,
    reports: [['byte_order_mark', 2, 'a']],
    records: [
      ['a', 'ACGTACGT'],
      ['b', 'A'],
    ],
  },
  {
    name: 'files with a mark joined without a line end',
    content: `>a\nACGT${MARK}>b\nGGGG\n`,
    reports: [
      ['header_in_sequence', 2, 'a'],
      ['byte_order_mark', 2, 'a'],
    ],
    records: [['a', 'ACGT>bGGGG']],
  },
  {
    name: 'a mark between records of FASTQ, and one in a sequence',
    content: `@a\nACGT\n+\nIIII\n${MARK}@b\n${MARK}AC\n+\nII\n`,
    reports: [
      ['byte_order_mark', 5, ''],
      ['byte_order_mark', 6, 'b'],
    ],
    records: [
      ['a', 'ACGT'],
      ['b', 'AC'],
    ],
  },
  {
    name: 'a mark after blank lines',
    content: `\n${MARK}>a\nAC\n`,
    reports: [['byte_order_mark', 2, '']],
    records: [['a', 'AC']],
  },
]

for (const { name, content, reports, records } of [...CASES, ...MARKED]) {
  test(`${name}: read, and named by line, record and kind`, async () => {
    const path = file('unusual', content)
    for (const readBytes of [1, 2, 3, 1 << 18]) {
      for (const onInvalid of ['auto', 'skip'] as const) {
        const found = await skipping(path, { readBytes, onInvalid })
        expect(found.records.map(({ id, sequence }) => [id, sequence] as [string, string])).toEqual(records)
        expect(
          found.reports.map(({ reason, line, id }) => [reason, line, id] as (typeof reports)[0]),
        ).toEqual(reports)
        for (const { message, line, outcome } of found.reports) {
          expect(message).toStartWith(`${path}:${line}: `)
          expect(outcome).not.toBe('left_out')
        }
      }
      const error = await failure(path, { readBytes, onInvalid: 'fail' })
      expect(error.message).toStartWith(`${path}:${error.line}: `)
      expect(reports.map(([reason, line]) => `${reason} ${line}`)).toContain(`${error.reason} ${error.line}`)
    }
  })
}

test('half a byte order mark is no letter', async () => {
  for (const bytes of ['>a\nAC\xefGT\n', '>a\n\xef\xbbAC\n', '>a\nAC\xef', '>a\nAC\xef\xbb\n>b\nA\n']) {
    const path = file('half', Buffer.from(bytes, 'latin1'))
    for (const readBytes of [1, 2, 100]) expect((await failure(path, { readBytes })).reason).toBe('non_ascii')
  }
})

test.skipIf(!hasPython)('what is unusual reads as Biopython reads it', async () => {
  const program = `
import json, sys
from Bio import SeqIO
out = []
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as handle:
        out.append([[r.id, str(r.seq)] for r in SeqIO.parse(handle, "fasta")])
json.dump(out, sys.stdout)`
  const fasta = CASES.filter(({ content }) => content.startsWith('>'))
  const paths = fasta.map(({ content }, i) => file(`unusual_${i}.fa`, content))
  const expected = JSON.parse(await runPython(program, ...paths))
  // Biopython keeps blanks at the start of a line, which no sequence has.
  const strip = (records: [string, string][]) =>
    records.map(([id, sequence]) => [id, sequence.replaceAll(/\s/g, '')])
  expect(fasta.map(({ records }) => records)).toEqual(expected.map(strip))
})

const quality = (length: number) => 'I'.repeat(length)
const WRAPPED: [name: string, text: string, ids: string[]][] = [
  [
    'the second line of the quality begins with @',
    `@r1\n${'ACGT'.repeat(10)}\n+\n${quality(20)}\n@${quality(19)}\n@r2\nACGT\n+\nIIII\n`,
    ['r1', 'r2'],
  ],
  [
    'every line of the quality begins with @',
    `@r1\nACGTACGTAC\n+\n@III\n@II\n@II\n@r2\nACGT\n+\n@III\n`,
    ['r1', 'r2'],
  ],
  ['at the end of the file', '@r1\nACGTAC\n+\nIII\n@II\n', ['r1']],
  ['at the end of the file, without a line end', '@r1\nACGTAC\n+\nIII\n@II', ['r1']],
  ['before blank lines', '@r1\nACGTAC\n+\nIII\n@II\n\n\n@r2\nAC\n+\nII\n', ['r1', 'r2']],
]

test.each(WRAPPED)('wrapped quality, %s', async (_, text, ids) => {
  for (const end of ['\n', '\r\n', '\r']) {
    const path = file('wrapped.fq', text.replaceAll('\n', end))
    for (const readBytes of [1, 2, 3, 5, 8, 1 << 18]) {
      expect((await collect(path, { readBytes })).map(({ id }) => id)).toEqual(ids)
    }
  }
})

// The letters of the header and of the quality before it can be as many as the bases: only what follows tells.
const CUT: [text: string, cut: number, ids: string[]][] = [
  ['@a\nACGT\n+\nII\n@b\nAC\n+\nII\n', 1, ['b']],
  ['@a\nACGTACGT\n+\nII\n@b x\nAC\n+\nII\n@c\nA\n+\nI\n', 1, ['b', 'c']],
  ['@a\nACGT\n+\nII\n@b\nACGT\n+\nII\n@c\nACGT\n+\nII\n@d\nA\n+\nI\n', 3, ['d']],
  ['@a\nACGTACGTAC\n+\nII\n@b\nAC\n+\nII\n', 1, ['b']],
]

test.each(CUT)('quality that is cut off costs its own record only: %j', async (text, cut, ids) => {
  for (const end of ['\n', '\r\n', '\r']) {
    const path = file('cut.fq', text.replaceAll('\n', end))
    for (const readBytes of [1, 2, 3, 7, 1 << 18]) {
      const { records, reports } = await skipping(path, { readBytes })
      expect(reports.map(({ reason }) => reason)).toEqual(Array(cut).fill('malformed_fastq'))
      for (const { message } of reports) expect(message).toContain('the quality has 2 letters, the sequence')
      expect(records.map(({ id }) => id)).toEqual(ids)
      const lines = text.split('\n')
      for (const { id, line } of records) expect(lines[line - 1]?.split(' ')[0]).toBe(`@${id}`)
    }
  }
})

test('an empty file is an input without records; an empty stream only where that is allowed', async () => {
  for (const [content, what] of [
    ['', 'is empty'],
    ['\n  \r\n\t', 'holds nothing but blank lines'],
  ] as const) {
    const path = file('empty.fa', content)
    const { records, reports } = await skipping([path, file('other.fa', '>a\nA\n')], { onInvalid: 'auto' })
    expect(records.map(({ id }) => id)).toEqual(['a'])
    expect(reports).toMatchObject([{ source: path, reason: 'empty_file', outcome: 'noted' }])
    expect(reports[0]?.message).toContain(what)
    expect((await failure(path, { onInvalid: 'fail' })).reason).toBe('empty_file')
  }
})
