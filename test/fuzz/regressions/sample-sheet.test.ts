// Inputs that the target `sample-sheet` has found, as small as they get.
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { readSampleSheet } from '../../../src/samples/index.ts'

test('lines of a sheet end in any of the usual ways, also in one file', async () => {
  await using folder = temporaryFolder()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => folder.join(`${name}.fa`))
  for (const path of [a, b, c]) writeFileSync(path!, '>x\nACGT\n')
  const path = folder.join('samples.csv')
  writeFileSync(path, `sample,fasta,strandedness\r\none,${a},auto\ntwo,${b},auto\rthree,${c}\r\n`)
  const { samples } = await readSampleSheet(path)
  expect(samples.map(({ name, inputs }) => [name, ...inputs])).toEqual([
    ['one', a!],
    ['two', b!],
    ['three', c!],
  ])
})
