import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  writeRandomDnabert,
  writeRandomEsm2,
  writeRandomMlp,
} from '../../../scripts/support/random-models.ts'
import { randomTokenizer } from '../../../scripts/support/random-tokenizer.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { importModels } from '../../../src/import/index.ts'
import type { PredictOptions } from '../../../src/settings/index.ts'
import { succeed } from '../../support/cli.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { byName, type OldRuns, oldRuns } from '../../support/reference.ts'
import { predictHere } from './resume-inprocess.ts'
import { computed, differences, outputs } from './resume-support.ts'

const folder = temporaryFolder()
const bundle = folder.join('bundle')

const mergedOf = (runs: OldRuns, layout: 'vanilla' | 'broad') =>
  join(runs[layout], `${runs.stem}_merged`, 'output_1_merged.pt')

/** By path of the merged file and id. */
let scoresByTorch: Record<string, Record<string, [others: number, virus: number]>> = {}

// Models of the real widths, one layer deep: their embeddings are not those of the real ones.
beforeAll(async () => {
  const paths = { esm: folder.join('esm'), dnabert: folder.join('dna'), mlp: folder.join('mlp.safetensors') }
  await writeRandomEsm2(paths.esm, 1, { layers: 1, width: 2560, heads: 20, hidden: 8 })
  const shape = { layers: 1, width: 768, heads: 12, hidden: 8, vocabulary: 40 }
  await writeRandomDnabert(paths.dnabert, 2, { ...shape, tokenizer: randomTokenizer(1, 40) })
  await writeRandomMlp(paths.mlp, 3, 3328, 16)
  await importModels({ ...paths, output: bundle })
  if (!hasPython) return
  const merged = oldRuns.flatMap((runs) => [mergedOf(runs, 'vanilla'), mergedOf(runs, 'broad')])
  scoresByTorch = JSON.parse(await runPython(torchScores, paths.mlp, ...merged))
}, 120_000)
afterAll(() => folder[Symbol.asyncDispose]())

const NONE = { esm2: [], dnabert_s: [] }
let copies = 0

/** The classifier applied by torch to the merged rows of all reference runs: starting torch takes seconds. */
const torchScores = `
import sys, json, numpy, torch
path = sys.argv[1]
raw = open(path, 'rb').read()
n = int.from_bytes(raw[:8], 'little')
head, data = json.loads(raw[8:8 + n]), raw[8 + n:]
def t(name):
    e = head[name]; a, b = e['data_offsets']
    return torch.from_numpy(numpy.frombuffer(data[a:b], '<f4').reshape(e['shape']).copy())
def scores(merged):
    saved = torch.load(merged, weights_only=True)
    x = saved['data'] @ t('hidden_layer.weight').T + t('hidden_layer.bias')
    x = (x - t('bn1.running_mean')) / torch.sqrt(t('bn1.running_var') + 1e-5) * t('bn1.weight') + t('bn1.bias')
    x = torch.relu(x) @ t('output_layer.weight').T + t('output_layer.bias')
    return dict(zip(saved['ids'], torch.softmax(x, 1).tolist()))
print(json.dumps({merged: scores(merged) for merged in sys.argv[2:]}))
`

describe.each(byName(oldRuns))('%s', (_, runs) => {
  const { stem, input } = runs

  /** A copy of a run that can be changed. */
  function oldRun(name: 'vanilla' | 'broad', { tables = false } = {}): string {
    const output = folder.join(`old_${++copies}`)
    cpSync(runs[name], output, { recursive: true })
    for (const entry of ['.', ...readdirSync(output, { recursive: true, encoding: 'utf8' })])
      chmodSync(join(output, entry), 0o755)
    if (!tables) {
      for (const table of ['prediction_results.txt', 'prediction_results_highestscore.csv'])
        rmSync(join(output, `${stem}_merged`, table))
    }
    return output
  }

  function continued(output: string, overrides: Partial<PredictOptions> = {}) {
    return predictHere(input, output, {
      bundle,
      prefix: stem,
      expectedLength: 500,
      keepIntermediate: false,
      ...overrides,
    })
  }

  const table = (output: string) =>
    readFileSync(join(output, `${stem}_merged`, 'prediction_results.txt'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t') as [id: string, call: string, others: string, virus: string])

  describe('a run of another program is continued', () => {
    const cases = ['vanilla', 'broad'] as const
    test.skipIf(!hasPython).each(cases)(
      '%s: its embeddings, found by id, give its predictions',
      async (layout) => {
        const output = oldRun(layout)
        const before = outputs(output)
        const { error, log } = await continued(output, { layout })
        expect(error).toBeUndefined()
        expect(log).toContain('8 embeddings of an old run')
        expect(log).toContain('8 sequences had an embedding of the old run')
        expect(computed(log)).toEqual(NONE)
        const expected = scoresByTorch[mergedOf(runs, layout)]!
        const rows = table(output)
        expect(rows.map(([id]) => id)).toEqual(Object.keys(expected))
        for (const [id, call, others, virus] of rows) {
          expect(Number(others)).toBeCloseTo(expected[id]![0], 5)
          expect(Number(virus)).toBeCloseTo(expected[id]![1], 5)
          expect(call).toBe(expected[id]![1] >= expected[id]![0] ? 'virus' : 'others')
        }
        // Embeddings that took days are not removed by a run that did not make them.
        const after = outputs(output)
        for (const [file, bytes] of before)
          expect(after.get(file)?.equals(bytes) ? file : `${file} changed`).toBe(file)
      },
    )

    test('files written again from its embeddings are its files, byte for byte', async () => {
      const output = oldRun('vanilla')
      const before = outputs(output)
      for (const file of [`${stem}_merged/output_1_merged.pt`, `${stem}_chunked500.fa`])
        rmSync(join(output, file))
      const { error } = await continued(output, { keepIntermediate: true, resume: true })
      expect(error).toBeUndefined()
      const after = outputs(output)
      for (const [file, bytes] of before)
        expect(after.get(file)?.equals(bytes) ? file : `${file} changed`).toBe(file)
    })

    test('as one of several samples; another with the same sequences is computed', async () => {
      const output = folder.join(`samples_of_${stem}`)
      cpSync(oldRun('vanilla'), join(output, stem), { recursive: true })
      const sheet = folder.join('sheet.csv')
      writeFileSync(sheet, `sample,fasta\nfirst,${input}\n${stem},${input}\nlast,${input}\n`)
      const words = ['--sample-sheet', sheet, '-o', output, '--bundle', bundle, '-e', '500', '--verbose']
      const { stderr } = await succeed('predict', ...words, '--token-budget', '1024', '--threads', '1')
      expect(stderr).toContain(`${stem}: 8 sequences had an embedding of the old run`)
      const alone = oldRun('vanilla')
      expect((await continued(alone)).error).toBeUndefined()
      expect(table(join(output, stem))).toEqual(table(alone))
      const rowsOf = (sample: string) =>
        readFileSync(join(output, sample, `${sample}_merged`, 'prediction_results.txt'), 'utf8')
      const fresh = folder.join(`fresh_of_${stem}`)
      expect((await continued(fresh)).error).toBeUndefined()
      const scores = (rows: string) => rows.match(/\d\.\d+/g)?.map(Number) ?? []
      const computedOnes = scores(
        readFileSync(join(fresh, `${stem}_merged`, 'prediction_results.txt'), 'utf8'),
      )
      for (const sample of ['first', 'last'])
        for (const [i, score] of scores(rowsOf(sample)).entries())
          expect(score).toBeCloseTo(computedOnes[i]!, 5)
      expect(scores(rowsOf('first'))).not.toEqual(scores(rowsOf(stem)))
    })

    test('with results of its own only when asked to', async () => {
      const output = oldRun('vanilla', { tables: true })
      const refused = await continued(output)
      expect(refused.error).toMatchObject({ detail: { code: 'foreign-file', data: { oldRun: true } } })
      const { error, log } = await continued(output, { resume: true })
      expect(error).toBeUndefined()
      expect(computed(log)).toEqual(NONE)
    })

    test('not when --force says to compute again; its files stay, and its tables stand in the way', async () => {
      const output = oldRun('vanilla', { tables: true })
      const before = outputs(output)
      const refused = await continued(output, { force: true })
      expect(refused.error?.message).toContain('prediction_results.txt')
      expect(differences(outputs(output), before)).toEqual([])
      for (const name of before.keys()) if (name.includes('prediction_results')) rmSync(join(output, name))
      const { error, log } = await continued(output, { force: true })
      expect(error).toBeUndefined()
      expect(computed(log)).toEqual({ esm2: [4], dnabert_s: [4] })
      const after = outputs(output)
      for (const [name, bytes] of before)
        if (!name.includes('prediction_results')) expect(after.get(name)?.equals(bytes)).toBe(true)
    })
  })

  describe('embeddings that cannot be trusted are named and computed', () => {
    const esm = (output: string) => join(output, `${stem}_protein`, 'output_1_ESM.pt')

    test('a sequence that is not the one embedded', async () => {
      const output = oldRun('vanilla')
      const fasta = join(output, `${stem}_protein`, 'output_1.fa')
      writeFileSync(
        fasta,
        readFileSync(fasta, 'utf8').replace(/\n[^>]/, (first) => (first === '\nA' ? '\nG' : '\nA')),
      )
      const { error, log } = await continued(output)
      expect(error).toBeUndefined()
      expect(computed(log).dnabert_s).toEqual([])
      expect(log).toContain('7 sequences had an embedding of the old run')
      expect(computed(log).esm2).toEqual([1])
    })

    test('a file with one changed byte, an empty one, one of another width, one without its FASTA', async () => {
      const faults: [string, (output: string) => void, Partial<PredictOptions>?][] = [
        [
          'output_1_ESM.pt',
          (output) => {
            const bytes = readFileSync(esm(output))
            bytes[20_000] = (bytes[20_000] as number) ^ 1
            writeFileSync(esm(output), bytes)
          },
        ],
        [
          'is empty (0 bytes)',
          (output) => {
            writeFileSync(esm(output), '')
            writeFileSync(`${esm(output)}.done`, '')
          },
        ],
        [
          '4 embeddings of an old run without the part FASTA',
          (output) => rmSync(join(output, `${stem}_protein`, 'output_1.fa')),
        ],
        ['has vectors of 2560 values', () => {}, { bundle: 'demo' }],
      ]
      for (const [message, damage, overrides] of faults) {
        const output = oldRun('vanilla')
        damage(output)
        const { error, log } = await continued(output, overrides)
        expect(error).toBeUndefined()
        expect(log).toContain('warning: not used')
        expect(log).toContain(message)
        expect(computed(log).esm2).toEqual([4])
      }
    })
  })
})
