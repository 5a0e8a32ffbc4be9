import { expect, test } from 'bun:test'
import { join } from 'node:path'
import fc from 'fast-check'
import { newReadStatistics, readSequences } from '../../../src/fasta/index.ts'
import { collect, scratch, skipping } from './support.ts'

const { folder, file } = scratch()

const TEXT = '>one first\nACGT\nNN-A\n\n>two\nacgu*.\n > x\n>  three\tt\n  AC GT\t\n'

test.each([
  ['\\n', '\n'],
  ['\\r\\n', '\r\n'],
  ['\\r', '\r'],
])('%s line ends, at every read size', async (_, end) => {
  const path = file('ends.fa', TEXT.replaceAll('\n', end))
  for (const readBytes of [1, 2, 3, 4, 5, 7, 16, 1 << 16]) {
    expect(await collect(path, { readBytes })).toEqual([
      { id: 'one', sequence: 'ACGTNN-A', line: 1 },
      { id: 'two', sequence: 'acgu*.>x', line: 5 },
      { id: 'three', sequence: 'ACGT', line: 8 },
    ])
  }
})

test('any mixture of line ends and read sizes gives the same records', async () => {
  const end = fc.constantFrom('\n', '\r\n', '\r')
  const letters = fc.stringMatching(/^[ACGTNacgtn]{1,30}$/)
  const record = fc.array(fc.tuple(letters, end), { minLength: 1, maxLength: 5 })
  const input = fc.tuple(
    fc.array(fc.tuple(record, end), { minLength: 1, maxLength: 8 }),
    fc.nat(40),
    fc.boolean(),
  )
  const path = join(folder, 'mixed.fa')
  await fc.assert(
    fc.asyncProperty(input, async ([records, size, lastEnd]) => {
      let text = records
        .map(([lines, headerEnd], index) => `>id${index}${headerEnd}${lines.flat().join('')}`)
        .join('')
      if (!lastEnd) text = text.replace(/[\r\n]+$/, '')
      await Bun.write(path, text)
      const found = await collect(path, { readBytes: size + 1 })
      expect(found.map(({ sequence }) => sequence)).toEqual(
        records.map(([lines]) => lines.map(([line]) => line).join('')),
      )
      // Lines as Python counts them: '\r\n' is one line end.
      const lines = text.split(/\r\n|\r|\n/)
      for (const { id, line } of found) expect(lines[line - 1]).toBe(`>${id}`)
    }),
    { numRuns: 200, seed: 7 },
  )
})

test('a byte order mark and blank lines before the first record are dropped', async () => {
  const path = file('bom.fa', '\ufeff\n  \r\n\t\n>a\nAC\n')
  for (const readBytes of [1, 2, 100]) {
    expect(await collect(path, { readBytes })).toEqual([{ id: 'a', sequence: 'AC', line: 4 }])
  }
  expect(await collect(file('bom.fq', '\ufeff@a\nAC\n+\nII'))).toEqual([{ id: 'a', sequence: 'AC', line: 1 }])
})

test('a description is what follows the id, as it was given', async () => {
  const path = file('described.fa', '>a  two  words\t \nA\n>b\nA\n>c\x1cd\nA\n>é β\u2003γ, δ \nA\n> \nA\n@')
  for (const readBytes of [1, 1 << 16]) {
    const described: string[] = []
    for await (const batch of readSequences([path], { readBytes } as object))
      described.push(...batch.map(({ description }) => description))
    expect(described).toEqual(['two  words', '', 'd', 'β\u2003γ, δ', ''])
  }
  const mates = ['1', '2'].map((mate) => file(`described_${mate}.fq`, `@r ${mate}:N:0\nAC\n+\nII\n`))
  for await (const batch of readSequences(mates))
    expect(batch.map(({ id, description }) => `${id} ${description}`)).toEqual(['r/1 1:N:0', 'r/2 2:N:0'])
})

test('ids end where Python splits, and only there', async () => {
  const path = file(
    'ids.fa',
    '>a\x1cb\nA\n>\u2003c\u3000d\nA\n>\ufeffe\ufeff f\nA\n>\n A\n>ｇ\u200bh\u00a0i\nA\n',
  )
  expect((await collect(path, { readBytes: 1 })).map(({ id }) => id)).toEqual([
    'a',
    'c',
    '\ufeffe\ufeff',
    '',
    'ｇ\u200bh',
  ])
})

test('batches hold no more bases than asked for, records stay whole and in order', async () => {
  const lengths = [5, 5, 1, 30, 2, 2, 2, 2, 2, 2, 9, 1, 1]
  const path = file(
    'batches.fa',
    lengths.map((length, index) => `>r${index}\n${'A'.repeat(length)}\n`).join(''),
  )
  const batches: number[][] = []
  for await (const batch of readSequences([path], { batchBases: 10 })) {
    batches.push(batch.map(({ sequence }) => sequence.length))
  }
  expect(batches).toEqual([[5, 5], [1], [30], [2, 2, 2, 2, 2], [2], [9, 1], [1]])
})

test('records own their bytes', async () => {
  const path = file('own.fa', '>a\nAAAA\n>b\nCCCC\n')
  const kept: Uint8Array[] = []
  for await (const batch of readSequences([path])) kept.push(...batch.map(({ sequence }) => sequence))
  expect(kept.map((bytes) => bytes.buffer.byteLength)).toEqual([4, 4])
})

test('a record of many megabytes comes through unchanged', async () => {
  const letters = 'ACGTTGCANN'.repeat(500_000)
  const path = file('long.fa', `>long\n${letters.replaceAll(/.{70}/g, '$&\n')}\n>next\nAC`)
  const records = await collect(path)
  expect(records.map(({ id }) => id)).toEqual(['long', 'next'])
  expect(records[0]!.sequence === letters).toBe(true)
  expect(records[1]!.sequence).toBe('AC')
})

test('statistics count what was read', async () => {
  const path = file('counts.fa', '>a\nACGT\n>b\nACGTACGTX?\n>c\n\n>d\nAC-*\n')
  const statistics = newReadStatistics()
  await skipping([path, file('counts.fq', '@q\nAC\n+\nII\n')], { statistics })
  expect(statistics).toEqual({
    inputs: 2,
    bytes: 45,
    records: 4,
    bases: 20,
    recordsWithUnknownLetters: 1,
    skipped: { empty_record: 1, unknown_letters: 1, gaps: 1 },
  })
})

test('an aborted signal ends the reading with its reason', async () => {
  const path = file('abort.fa', ''.concat(...Array.from({ length: 500 }, (_, i) => `>r${i}\nACGT\n`)))
  const reason = new Error('stop')
  await expect(collect(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const controller = new AbortController()
  const batches = readSequences([path], { signal: controller.signal, batchBases: 4, readBytes: 16 } as object)
  await batches.next()
  controller.abort(reason)
  const rest = async () => {
    for await (const _ of batches) {
    }
  }
  await expect(rest()).rejects.toBe(reason)
})
