import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { virnucpro } from '../../support/cli.ts'
import { genomeSets } from '../../support/genomes.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const WORDS = '--bundle demo --backend onnx --no-progress --no-report -k --duplicate-ids suffix'.split(' ')

/** Rows of a table without the line of warning and the header. */
const rowsOf = (path: string) =>
  readFileSync(folder.join(path), 'utf8')
    .replace(/^# .*\n/, '')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))

/** Headers and letters of records, without line ends. */
const records = (text: string) =>
  [...text.matchAll(/^>(.*)\n([^>]*)/gm)].map(([, header = '', letters = '']): [string, string] => [
    header.trim().split(/\s/)[0] ?? '',
    letters.replaceAll(/\s/g, ''),
  ])

const sum = (rows: readonly string[][], column: number) =>
  rows.reduce((total, row) => total + Number(row[column]), 0)

describe.each(genomeSets)('%s', (set, files) => {
  test('every record has a row, sums are those of the other tables, and chunks are cut from the input', async () => {
    const inputs = files().map(({ name, text }) => {
      writeFileSync(folder.join(name), text)
      return { name, text: text.replaceAll('\r\n', '\n') }
    })
    const names = inputs.map(({ name }) => name)
    const words = ['predict', ...names, '-o', set, '--prefix', 'all', ...WORDS]
    const { code, stderr } = await virnucpro(words, folder.path)
    expect({ code, stderr }).toMatchObject({ code: 0 })

    const all = inputs.flatMap(({ name, text }) =>
      records(text).map(([id, letters]) => ({ name, id, letters })),
    )
    const contigs = rowsOf(`${set}/all_results/contigs.tsv`)
    expect(contigs.length).toBe(all.length)
    const kept = records(readFileSync(folder.join(set, 'all_chunked500.fa'), 'utf8'))
    const chunks = rowsOf(`${set}/all_results/chunks.tsv`)
    expect(chunks.length).toBe(kept.length)
    let next = 0
    for (const [i, { name, id, letters }] of all.entries()) {
      const [seqName = '', length, count] = contigs[i] ?? []
      expect([seqName.replace(/_\d+$/, ''), contigs[i]?.at(-1)]).toEqual([id.replace(/_\d+$/, ''), name])
      expect(length).toBe(String(letters.length))
      for (let number = 1; number <= Number(count); number++, next++) {
        const [chunkOf, chunk, start, end] = chunks[next] ?? []
        expect([chunkOf, chunk]).toEqual([seqName, String(number)])
        const cut = letters.slice(Number(start) - 1, Number(end))
        expect([`${seqName}_chunk_${number}`, cut]).toEqual(kept[next] ?? [])
      }
    }
    expect(next).toBe(chunks.length)

    const frames = rowsOf(`${set}/all_merged/prediction_results.txt`)
    const calls = rowsOf(`${set}/all_merged/prediction_results_highestscore.csv`)
    expect(frames.length).toBeGreaterThan(100)
    expect(sum(contigs, 2)).toBe(chunks.length)
    expect(sum(contigs, 3)).toBe(calls.length)
    expect(sum(contigs, 4)).toBe(calls.filter(([, isVirus]) => isVirus === 'True').length)
    expect(sum(chunks, 4)).toBe(frames.length)
    for (const status of ['scored', 'not_scored'])
      expect(chunks.filter((row) => row[9] === status).length).toBe(
        status === 'scored' ? calls.length : chunks.length - calls.length,
      )
  })
})
