import { expect, test } from 'bun:test'
import { join, resolve } from 'node:path'
import type { BenchDocument } from '../../../bench/result.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { documentOf, type Ended, figure, runBun } from './support.ts'

const COMPARE = resolve(import.meta.dir, '../../../bench/compare.ts')

async function compare(
  before: BenchDocument | BenchDocument[] | string,
  after: BenchDocument | BenchDocument[] | string,
  ...args: string[]
): Promise<Ended> {
  await using folder = temporaryFolder()
  const paths = ['before.json', 'after.json'].map((name) => join(folder.path, name))
  for (const [at, content] of [before, after].entries()) {
    await Bun.write(paths[at]!, typeof content === 'string' ? content : JSON.stringify(content))
  }
  return await runBun(COMPARE, [...paths, ...args])
}

test('a figure that is lower by more than the threshold and the noise is a regression', async () => {
  const before = documentOf([figure('reads', 100), figure('contigs', 800)])
  const { code, out } = await compare(before, documentOf([figure('reads', 80), figure('contigs', 805)]))
  expect(out).toMatch(/micro\/fasta: reads +100 MB\/s +80\.0 MB\/s +-20\.0 % +WORSE/)
  expect(out).not.toMatch(/contigs.*(WORSE|better)/)
  expect(out).toContain('1 worse by more than 5 %')
  expect(code).toBe(1)
})

test('of seconds and bytes less is better', async () => {
  const time = (value: number) => documentOf([figure('all', value, 0.01, 'lower')])
  expect((await compare(time(10), time(13))).code).toBe(1)
  const faster = await compare(time(13), time(10))
  expect(faster.out).toMatch(/\+30\.0 % +better/)
  expect(faster.code).toBe(0)
})

test('a change as large as the rounds vary is unclear and no failure', async () => {
  const noisy = (value: number) => documentOf([figure('reads', value, 0.2)])
  const { code, out } = await compare(noisy(100), noisy(80))
  expect(out).toMatch(/-20\.0 % +unclear/)
  expect(code).toBe(0)
})

test('the threshold can be set', async () => {
  const [before, after] = [100, 92].map((value) => documentOf([figure('reads', value)]))
  expect((await compare(before!, after!)).code).toBe(1)
  expect((await compare(before!, after!, '--threshold', '10')).code).toBe(0)
})

test('a figure that is gone fails, a new one does not', async () => {
  const [one, two] = [[figure('reads', 1)], [figure('reads', 1), figure('contigs', 1)]]
  const gone = await compare(documentOf(two), documentOf(one))
  expect(gone.out).toMatch(/contigs.*GONE/)
  expect(gone.code).toBe(1)
  expect((await compare(documentOf(one), documentOf(two))).code).toBe(0)
})

test('the page of all benches is compared bench by bench', async () => {
  const pages = [1, 0.5].map((factor) => [
    documentOf([figure('reads', 100)]),
    documentOf([figure('reads', 100 * factor)], { bench: 'micro/tokenize' }),
  ])
  const { code, out } = await compare(pages[0]!, pages[1]!)
  expect(out).toMatch(/micro\/tokenize: reads.*WORSE/)
  expect(out).not.toMatch(/micro\/fasta: reads.*WORSE/)
  expect(code).toBe(1)
})

test.each([
  ['settings', { settings: { quick: true, bases: 1000 } }],
  ['processor', { machine: { ...documentOf([]).machine, cpu: 'another' } }],
])('results with other %s are not compared', async (term, changes) => {
  const { code, err } = await compare(
    documentOf([figure('reads', 1)]),
    documentOf([figure('reads', 1)], changes),
  )
  expect(err).toContain(`differ in ${term}`)
  expect(code).toBe(2)
})

test.each([
  ['no JSON', '{'],
  ['no result of a bench', '{"format":"other"}'],
  ['version 2', JSON.stringify({ ...documentOf([]), version: 2 })],
  ['is damaged', JSON.stringify({ ...documentOf([]), results: [{ name: 'reads' }] })],
])('a file with %s is named', async (reason, content) => {
  const { code, err } = await compare(documentOf([]), content)
  expect(err).toContain('after.json')
  expect(err).toContain(reason)
  expect(code).toBe(2)
})

test('two files are needed', async () => {
  const { code, err } = await runBun(COMPARE, ['one.json'])
  expect(err).toContain('expected two files, got 1')
  expect(code).toBe(2)
})
