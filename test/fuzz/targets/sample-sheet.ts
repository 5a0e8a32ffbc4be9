import { expect } from 'bun:test'
import { chdir } from 'node:process'
import fc from 'fast-check'
import { readSampleSheet } from '../../../src/samples/index.ts'
import { VirnucproError } from '../../../src/system/errors.ts'
import { mutated } from '../mutations.ts'
import { referenceOf } from '../references/programs.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

const SEEDS = [
  'sample,fastq_1,fastq_2\none,a.fq,b.fq\none,c.fq,d.fq\ntwo,a.fq,\n',
  'sample\tfasta\nGröße\ta.fa\n"the ""second"" one"\tb.fa\n',
  '\ufeffsample,fasta,strandedness\r\nx, a.fa ,auto\r\n\r\ny,"b.fa",reverse\r\n',
].map((text, i) => ({ name: `${i}`, bytes: Buffer.from(text) }))
const TOKENS = [
  '"',
  '""',
  ',',
  '\t',
  '\r\n',
  '\n',
  '\r',
  '\ufeff',
  ' ',
  'one',
  'ONE',
  'a.fa',
  'sample',
  'fasta',
  '../x',
  '.hidden',
  'https://x/y.fa',
  '/dev/stdin',
  '-',
  '\0',
  '\u202e',
  'samples.tsv',
]

export const target: Target = {
  name: 'sample-sheet',
  about: "sample sheets: the samples and files that Python's csv finds, or an error of the sheet",
  weight: 1,
  property() {
    const scratch = new Scratch()
    for (const name of ['a.fa', 'b.fa', 'a.fq', 'b.fq', 'c.fq', 'd.fq'])
      scratch.put(name, Buffer.from('>x\nACGT\n'))
    // Relative paths of a sheet start in the current folder.
    chdir(scratch.folder)
    const reference = referenceOf('sheets.py')
    return fc.asyncProperty(mutated(SEEDS, { tokens: TOKENS }), async ({ bytes }) => {
      const path = scratch.put('sheet.csv', bytes)
      try {
        const { samples } = await readSampleSheet(path)
        const expected = await reference(bytes)
        // A letter for the csv of Python, the beginning of a field for us.
        if (expected !== 'a blank before a quote') expect(JSON.stringify(samples)).toBe(expected)
      } catch (error) {
        if (!(error instanceof VirnucproError)) throw error
        expect(error.lines.length).toBeLessThan(60)
      }
    })
  },
}
