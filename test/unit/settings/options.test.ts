import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { toPredictOptions } from '../../../src/settings/index.ts'
import { didYouMean } from '../../../src/text/suggest.ts'
import { resolved } from './support.ts'

test('the options of a run with nothing but an input', async () => {
  const configuration = await resolved({ flags: { input: ['reads.fa.gz'] } })
  expect(toPredictOptions(configuration)).toMatchObject({
    inputs: ['reads.fa.gz'],
    outputDir: 'reads_predictions',
    prefix: undefined,
    bundle: undefined,
    mlp: undefined,
    expectedLength: 500,
    classifierFor: undefined,
    anyLength: false,
    sequencesPerFile: 10_000,
    layout: 'vanilla',
    keepIntermediate: false,
    resume: false,
    force: false,
    backend: 'auto',
    triton: [],
    tritonAccess: { ca: undefined, cert: undefined, header: undefined, key: undefined },
    serverTimeout: 300,
    trustServer: false,
    repository: undefined,
    serverBin: undefined,
    backendDirectory: undefined,
    libraryPath: undefined,
    fallbackToCpu: false,
    gpus: undefined,
    threads: undefined,
    esmTokenBudget: undefined,
    dnabertTokenBudget: undefined,
    mlpBatchSize: 256,
    onInvalid: 'auto',
    allowEmpty: false,
    duplicateIds: 'fail',
    report: true,
    metrics: true,
    metricsInterval: 10,
    metricsPort: undefined,
    tritonMetrics: [],
    progress: true,
    quiet: false,
    verbose: false,
    logFile: undefined,
  })
})

test("only the original's form leaves the output folder to the pipeline", async () => {
  const configuration = await resolved({ flags: { input: ['in.fa'] }, originalForm: true })
  expect(toPredictOptions(configuration).outputDir).toBeUndefined()
})

test('a word with one slip in it is recognised', () => {
  const words = ['--output-dir', '--threads', '--token-budget', '--expected-length', '--keep-intermediate']
  const slip = fc.record({
    word: fc.constantFrom(...words),
    at: fc.nat(),
    kind: fc.constantFrom('drop', 'swap', 'add'),
  })
  fc.assert(
    fc.property(slip, ({ word, at, kind }) => {
      const i = 2 + (at % (word.length - 3))
      const [a, b] = [word[i], word[i + 1]]
      const rest = word.slice(i + 2)
      const typed = word.slice(0, i) + { drop: `${b}`, swap: `${b}${a}`, add: `${a}z${b}` }[kind] + rest
      expect(didYouMean(typed, words)).toBe(` Did you mean ${word}?`)
    }),
  )
})

test('a word near to nothing gets no guess', () => {
  expect(didYouMean('--frobnicate', ['--output-dir', '--threads'])).toBe('')
})
