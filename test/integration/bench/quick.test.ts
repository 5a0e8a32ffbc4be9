import { expect, test } from 'bun:test'
import { resolve } from 'node:path'
import { parseDocuments } from '../../../bench/changes.ts'
import { benchPython, NO_PYTHON } from '../../../bench/python.ts'
import { alternativesOf, type BenchDocument, type Result } from '../../../bench/result.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { python } from '../../support/python.ts'
import { runBun } from './support.ts'

/** Made by bench/baseline/setup.sh; in CI its absence is a failure, never a skip. */
const hasBenchPython = benchPython() !== undefined
if (!hasBenchPython) {
  if (process.env.CI === 'true') throw new Error(NO_PYTHON)
  console.warn(`${NO_PYTHON}; the test that needs it is skipped`)
}

const ROOT = resolve(import.meta.dir, '../../..')

/** The result of the bench in its quick form, without a Python to compare with unless `env` names one. */
async function quick(file: string, env: Record<string, string> = {}): Promise<BenchDocument> {
  await using folder = temporaryFolder()
  const json = folder.join('result.json')
  const { code, err } = await runBun(resolve(ROOT, 'bench', file), ['--quick', '--json', json], {
    VIRNUCPRO_BENCH_PYTHON: '/nowhere',
    ...env,
  })
  if (code !== 0) throw new Error(`${file}: ${err}`)
  const [document] = parseDocuments(await Bun.file(json).text(), file)
  for (const { name, value, low, high } of document!.results) {
    if (!(value >= 0 && low <= value && value <= high)) throw new Error(`${file}: ${name}: ${value}`)
  }
  return document!
}

test('whole runs are measured by stage, with memory and growth', async () => {
  const { results, settings } = await quick('pipeline/main.ts')
  const names = results.map(({ name }) => name)
  expect(settings.quick).toBe(true)
  for (const part of ['all', 'peak memory', 'reading', 'esm2', 'tables'])
    expect(names).toContain(`mixed x1: ${part}`)
  expect(names).toContainEqual(expect.stringContaining('time per base'))
  const memory = results.find(({ name }) => name === 'mixed x1: peak memory')!
  expect(memory.value).toBeGreaterThan(50)
  expect(memory.value).toBeLessThan(1000)
})

test('a bench compares with the other way in the same run, and both do the same', async () => {
  const { results } = await quick('micro/fasta.ts', { VIRNUCPRO_BENCH_PYTHON: python })
  const compared = results.filter((result) => alternativesOf(result).length > 0)
  expect(compared.map((result) => [result.name, alternativesOf(result)[0]?.name])).toEqual([
    ['contigs, plain', 'Biopython'],
    ['contigs, gzip', 'Biopython'],
    ['reads of 150, plain', 'Biopython'],
    ['reads of 150, BAM', 'pysam'],
  ])
})

test('whole waves leave less of a GPU idle than powers of two, whatever the input', async () => {
  const { results } = await quick('waves.ts')
  const idle = (name: string) => results.find((result) => result.name === `${name}: idle`)!.value
  for (const input of ['reads of 300', 'reads', 'contigs', 'mixed'])
    for (const [before, after] of [
      [16_384, 16_896],
      [32_768, 33_792],
    ])
      expect(idle(`${input}, batches of ${after}`)).toBeLessThan(idle(`${input}, batches of ${before}`))
})

test.skipIf(!hasBenchPython)('all ways of embedding give the same vectors, ours beside each', async () => {
  const { results, settings } = await quick('baseline/main.ts', { VIRNUCPRO_BENCH_PYTHON: benchPython()! })
  expect(settings.frames).toBe(60)
  const [{ name, value, against }] = results as [Result]
  expect(name).toBe('ESM-2 tiny, reads')
  expect(value).toBeGreaterThan(0)
  expect(alternativesOf({ against } as Result).map(({ name: way }) => way.split(',')[0])).toEqual([
    'fair-esm',
    'transformers',
    'transformers',
    'ONNX Runtime from Python',
    'esm-cpp',
    'esm-cpp',
  ])
})

test('virnucpro bench --quick prints one page and writes every result', async () => {
  await using folder = temporaryFolder()
  const json = folder.join('all.json')
  const words = ['bench', '--quick', '--only', 'micro,baseline,utilization', '--json', json]
  const { code, out, err } = await runBun(resolve(ROOT, 'src/cli/main.ts'), words, {
    VIRNUCPRO_BENCH_PYTHON: '/nowhere',
  })
  if (code !== 0) throw new Error(err)
  const documents = parseDocuments(await Bun.file(json).text(), json)
  const benches = ['fasta', 'translate', 'tokenize', 'batch', 'protobuf', 'torchfile', 'numbers', 'tables']
  expect(documents.map(({ bench }) => bench)).toEqual(benches.map((name) => `micro/${name}`))
  for (const { bench, results } of documents) {
    expect(out).toContain(`${bench}  (`)
    for (const { name } of results) expect(out).toContain(name)
  }
  expect(out).toContain('baseline/main.ts: left out')
  expect(out).toContain('utilization/main.ts: left out, it needs --triton')
})

test('virnucpro bench names a bench that does not exist, and fails when one fails', async () => {
  const main = resolve(ROOT, 'src/cli/main.ts')
  const unknown = await runBun(main, ['bench', '--only', 'macro'])
  expect(unknown.err).toContain('--only: expected names of micro')
  expect(unknown.code).toBe(64)
  const broken = await runBun(main, ['bench', '--quick', '--only', 'micro'], {
    VIRNUCPRO_BENCH_PYTHON: '/nowhere',
    VIRNUCPRO_BENCH_TOKENIZER: '/nowhere',
  })
  expect(broken.err).toContain('micro/tokenize.ts, exit code 2')
  expect(broken.code).toBe(1)
})
