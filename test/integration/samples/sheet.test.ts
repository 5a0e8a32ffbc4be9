import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { readSampleSheet, samplesPerInput } from '../../../src/samples/index.ts'
import type { VirnucproError } from '../../../src/system/errors.ts'

const folder = temporaryFolder()
const file = (name: string) => folder.join(name)

beforeAll(() => {
  for (const name of ['a.fa', 'b.fa', 'r_1.fq', 'r_2.fq', 'l_1.fq', 'l_2.fq', 'with, comma.fa'])
    writeFileSync(file(name), '>a\nACGT\n')
})
afterAll(() => folder[Symbol.dispose]())

async function read(text: string | Uint8Array) {
  writeFileSync(file('sheet.csv'), text)
  return await readSampleSheet(file('sheet.csv'))
}

async function faultsOf(text: string | Uint8Array): Promise<VirnucproError> {
  return await read(text).then(
    () => Promise.reject(new Error('no fault')),
    (error) => error,
  )
}

describe('a sheet as nf-core has it', () => {
  test('rows of one sample are its files together, in their order', async () => {
    const rows = [
      `lake,${file('r_1.fq')},${file('r_2.fq')}`,
      `soil,${file('a.fa')},`,
      `lake,${file('l_1.fq')},${file('l_2.fq')}`,
    ]
    expect(await read(`sample,fastq_1,fastq_2\n${rows.join('\n')}\n`)).toEqual({
      samples: [
        { name: 'lake', inputs: ['r_1.fq', 'r_2.fq', 'l_1.fq', 'l_2.fq'].map(file) },
        { name: 'soil', inputs: [file('a.fa')] },
      ],
      ignored: [],
    })
  })

  test('as spreadsheets write it: a byte order mark, CRLF, quotes, blank lines, other columns, tabs', async () => {
    const quoted = `\ufeff"strandedness","sample","fasta"\r\nauto,"north, 1","${file('with, comma.fa')}"\r\n\r\n,,\r\n`
    expect(await read(quoted)).toEqual({
      samples: [{ name: 'north, 1', inputs: [file('with, comma.fa')] }],
      ignored: ['strandedness'],
    })
    const { samples } = await read(`sample\tfasta\na\t${file('a.fa')}\n`)
    expect(samples).toEqual([{ name: 'a', inputs: [file('a.fa')] }])
  })

  test('relative paths start in the current folder, and a message says when they were meant otherwise', async () => {
    const error = await faultsOf('sample,fasta\na,a.fa\n')
    expect(error).toMatchObject({ kind: 'noInput' })
    expect(error.lines[1]).toContain('line 2: sample "a": a.fa: no such file')
    expect(error.lines[1]).toContain('There is one beside the sheet')
  })
})

describe('everything that is wrong is said at once, with its line', () => {
  test('names, files, fields', async () => {
    mkdirSync(file('folder'), { recursive: true })
    execFileSync('mkfifo', [file('pipe')])
    const rows = [
      `../up,${file('a.fa')},,`,
      `.hidden,${file('a.fa')},,`,
      `samples.tsv,${file('a.fa')},,`,
      `${'x'.repeat(200)},${file('a.fa')},,`,
      `"tab\there",${file('a.fa')},,`,
      `,${file('a.fa')},,`,
      `Soil,${file('a.fa')},,`,
      `soil,${file('b.fa')},,`,
      'none,,,',
      `mate,,,${file('r_2.fq')}`,
      `both,${file('a.fa')},${file('r_1.fq')},`,
      `wide,${file('a.fa')},,,more`,
      `twice,,${file('r_1.fq')},${file('r_1.fq')}`,
      `gone,${file('gone.fa')},,`,
      `folder,${file('folder')},,`,
      `pipe,${file('pipe')},,`,
      'far,s3://bucket/a.fa,,',
    ]
    const { kind, lines } = await faultsOf(`sample,fasta,fastq_1,fastq_2\n${rows.join('\n')}\n`)
    expect(kind).toBe('badData')
    const expected = [
      'it has a slash',
      'it begins with a dot',
      'samples.tsv is written beside',
      'more than 150 bytes',
      'control character',
      'it is empty',
      'the sample of line 8, "Soil", differs only in case',
      'no file',
      'fastq_2 without fastq_1',
      'both fasta and fastq files',
      '5 fields, and the header has 4 columns',
      'is named twice',
      'no such file',
      'this is a directory',
      'this is a pipe',
      'download it',
    ]
    const at = [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
    expect(lines).toHaveLength(expected.length + 1)
    for (const [i, text] of expected.entries()) {
      expect(lines[i + 1]).toContain(`line ${at[i]}: `)
      expect(lines[i + 1]).toContain(text)
    }
  })

  test.each([
    ['name,fasta\na,a.fa\n', 'expected a header with the columns sample'],
    ['', 'it is empty'],
    ['sample,fasta\n', 'there is no sample below the header'],
    ['sample,fasta,fasta\na,b,c\n', 'two columns are called fasta'],
    ['sample,fasta\na,"b\n', 'is not CSV: Quote Not Closed'],
    [new Uint8Array([0x73, 0xff, 0xfe]), 'not text in UTF-8'],
  ])('%p', async (text, message) => {
    expect((await faultsOf(text)).message).toContain(message)
  })
})

test('a sample for each file is called as a run over it alone, and names must differ', () => {
  expect(samplesPerInput(['x/a.fa.gz', 'b.fastq'], 'vanilla')).toEqual([
    { name: 'a', inputs: ['x/a.fa.gz'] },
    { name: 'b', inputs: ['b.fastq'] },
  ])
  expect(() => samplesPerInput(['x/a.fa', 'y/A.fasta'], 'vanilla')).toThrow(
    'y/A.fasta: a sample cannot be called "A": x/a.fa is "a" already',
  )
})
