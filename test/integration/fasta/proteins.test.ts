import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FastaError, type InvalidRecord, type ReadOptions, readSequences } from '../../../src/fasta/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'virnucpro-proteins-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
async function read(text: string, options: ReadOptions = {}) {
  const path = join(folder, `${files++}.faa`)
  writeFileSync(path, text)
  const reports: InvalidRecord[] = []
  const found: [string, string][] = []
  const all = { alphabet: 'protein' as const, onInvalidRecord: (each: InvalidRecord) => reports.push(each) }
  for await (const batch of readSequences([path], { ...all, ...options }))
    for (const { id, sequence } of batch) found.push([id, Buffer.from(sequence).toString()])
  return { found, reasons: reports.map(({ id, reason, outcome }) => [id, reason, outcome]) }
}

test('proteins are read as they are, less the stop codon at their end', async () => {
  const { found, reasons } = await read(
    '>a\nMKVLEF\nIPQX*\n>b\nmkvleXx\n>c\nGAGAGAGAGAGAGAGAGAGAGAGAGAGAGAGAGAGAGA\n',
  )
  expect(found).toEqual([
    ['a', 'MKVLEFIPQX'],
    ['b', 'mkvleXx'],
    ['c', 'GAGAGAGAGAGAGAGAGAGAGAGAGAGAGAGAGAGAGA'],
  ])
  expect(reasons).toEqual([])
})

test('what is no amino acid is reported', async () => {
  const { found, reasons } = await read('>a\nMK*VLEF*\n>b\nMKV-LEF\n>c\nMK1VLEF\n>d\n*\n')
  expect(found.map(([, sequence]) => sequence)).toEqual(['MK*VLEF', 'MKV-LEF', 'MK1VLEF'])
  expect(reasons).toEqual([
    ['a', 'gaps', 'kept'],
    ['b', 'gaps', 'kept'],
    ['c', 'unknown_letters', 'kept'],
    ['d', 'empty_record', 'left_out'],
  ])
})

test('DNA in the place of proteins is an error, or left out', async () => {
  const text = `>p\nMKVLEF\n>n\n${'acgtn'.repeat(10)}\n>short\nACGTACGT\n`
  const refused = read(text)
  await expect(refused).rejects.toThrow(FastaError)
  await expect(refused).rejects.toThrow('record "n" looks like DNA: all of its 50 letters are nucleotides')
  const { found, reasons } = await read(text, { onInvalid: 'skip' })
  expect(found.map(([id]) => id)).toEqual(['p', 'short'])
  expect(reasons).toEqual([['n', 'nucleotides', 'left_out']])
})
