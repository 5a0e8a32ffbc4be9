import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { writeRandomMlp } from '../../../scripts/support/random-models.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { classifierLength, openBundle } from '../../../src/bundle/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { sha256 } from '../../../src/system/sha256.ts'
import { resealBundle } from '../../support/bundle.ts'
import { repository, virnucpro } from '../../support/cli.ts'

const folder = temporaryFolder()
const tiny = (name: string) => join(repository, 'test/data/tiny/models', name)
const models = {
  esm: tiny('esm2_t2_tiny.pt'),
  dnabert: tiny('dnabert_s_tiny'),
  mlp: folder.join('classifier.pth'),
}
const input = () => folder.join('reads.fa')

const importing = (mlp: string, output: string) =>
  virnucpro([
    ...['models', 'import', '--esm', models.esm, '--dnabert', models.dnabert],
    ...['--mlp', mlp, '--output', folder.join(output)],
  ])

beforeAll(async () => {
  cpSync(tiny('500_model.pth'), models.mlp)
  writeFileSync(input(), randomFasta(1, 2))
  expect((await importing(`500=${models.mlp}`, 'for500')).code).toBe(0)
  const unknown = await importing(models.mlp, 'unknown')
  expect(unknown.stderr).toContain('warning: which chunk length the classifier')
  expect(unknown.stderr).toContain('--mlp 500=FILE')
}, 60_000)
afterAll(() => folder[Symbol.asyncDispose]())

let runs = 0
async function predict(bundle: string, words: readonly string[], env: Record<string, string> = {}) {
  const output = folder.join(`out${++runs}`)
  const models = bundle === 'demo' ? bundle : folder.join(bundle)
  const all = ['predict', '--input', input(), '-o', output, '--bundle', models, ...words]
  const { code, stderr } = await virnucpro(all, undefined, env)
  const summary = () => JSON.parse(readFileSync(join(output, 'reads_report', 'summary.json'), 'utf8'))
  return { code, stderr, summary, output }
}

test('a bundle knows the length, from LENGTH=FILE or from a published name and nothing like it', async () => {
  const lengthOf = (name: string) =>
    openBundle(folder.join(name)).then(({ manifest }) => classifierLength(manifest))
  expect(await lengthOf('for500')).toBe(500)
  for (const [name, length] of [
    ['300_model.pth', 300],
    ['500_model.pth', 500],
    ['my_500_model.pth', undefined],
    ['501_model.pth', undefined],
  ] as const) {
    const mlp = folder.join(name)
    cpSync(models.mlp, mlp)
    await importModels({ ...models, mlp, output: folder.join(`from-${name}`) })
    expect([name, await lengthOf(`from-${name}`)]).toEqual([name, length])
    // Older bundles have the name of the file only.
    resealBundle(folder.join(`from-${name}`), (manifest) => {
      manifest.models.mlp.chunkLength = undefined
    })
    expect([name, await lengthOf(`from-${name}`)]).toEqual([name, length])
  }
})

test('another length is an error, however it is asked for, unless --any-length', async () => {
  for (const [words, env] of [
    [['-m', '300'], {}],
    [['-e', '1000'], {}],
    [['-m', '300', '-e', '500'], {}],
    [[], { VIRNUCPRO_EXPECTED_LENGTH: '300' }],
  ] as const) {
    const { code, stderr } = await predict('for500', words, env)
    expect([words, code]).toEqual([words, 64])
    expect(stderr).toContain('was made for chunks of 500 bases')
    expect(stderr).toContain('--any-length')
    if (words.join(' ') !== '-m 300') continue
    const forced = await predict('for500', [...words, '--any-length'], env)
    expect([words, forced.code]).toEqual([words, 0])
    const warning = /^warning: (the classifier .* was made for chunks of 500 bases.*)$/m.exec(
      forced.stderr,
    )?.[1]
    expect(forced.summary().warnings).toContain(warning)
    expect(forced.summary().settings.anyLength).toBe(true)
    expect(readFileSync(join(forced.output, 'reads_report', 'report.html'), 'utf8')).toContain(
      'was made for chunks of 500 bases',
    )
  }
  // The original's form, whose classifier replaces that of the bundle.
  const words = [input(), '300', tiny('500_model.pth'), '--bundle', folder.join('unknown')]
  const original = await virnucpro(['predict', ...words], folder.path)
  expect(original.code).toBe(64)
  expect(original.stderr).toContain(
    '500_model.pth was made for chunks of 500 bases, and chunks here have 300',
  )
  const right = await predict('for500', [])
  expect(right.code).toBe(0)
  expect(right.stderr).not.toContain('chunk length')
  expect(right.summary().warnings).toEqual([])
}, 60_000)

describe('of several classifiers', () => {
  const short = folder.join('short.safetensors')

  beforeAll(async () => {
    const { input, hidden } = (await openBundle(folder.join('for500'))).manifest.models.mlp
    await writeRandomMlp(short, 9, input, hidden)
    await importModels({ ...models, mlp: short, chunkLength: 300, output: folder.join('for300') })
    await importModels({ ...models, mlp: { 300: short, 500: models.mlp }, output: folder.join('both') })
  })

  test('a run takes the one for its chunk length, and says which', async () => {
    for (const [words, alone, length, file] of [
      [['-m', '300'], 'for300', 300, short],
      [['-e', '300'], 'for300', 300, short],
      [[], 'for500', 500, models.mlp],
    ] as const) {
      const log = folder.join(`log${length}`)
      const both = await predict('both', [...words, '--log-file', log])
      const one = await predict(alone, words)
      expect([words, both.code, one.code, both.summary().warnings]).toEqual([words, 0, 0, []])
      const name = `reads_merged/prediction_results.txt`
      expect(readFileSync(join(both.output, name))).toEqual(readFileSync(join(one.output, name)))
      const classifier = { name: basename(file), sha256: sha256(readFileSync(file)), chunkLength: length }
      expect(both.summary().models).toMatchObject({ ...one.summary().models, name: 'both', classifier })
      const text = `${classifier.name}, for chunks of ${length} bases`
      expect(readFileSync(join(both.output, 'reads_report', 'report.html'), 'utf8')).toContain(text)
      expect(readFileSync(log, 'utf8')).toContain(`classifier: ${text}, SHA-256 ${classifier.sha256}`)
      // What was begun with one bundle goes on with the other.
      const again = [input(), '-o', one.output, '--bundle', folder.join('both'), ...words]
      expect((await virnucpro(['predict', ...again])).stderr).toContain('this run has finished before')
    }
  }, 60_000)

  test('none is taken for other chunks, unless --any-length', async () => {
    const { code, stderr } = await predict('both', ['-e', '470'])
    expect(code).toBe(64)
    expect(stderr).toContain('were made for chunks of 300 and 500 bases, and none for 470')
    expect(stderr).toContain('Give --expected-length 300 or 500')
    const forced = await predict('both', ['-e', '470', '--any-length'])
    expect(forced.code).toBe(0)
    expect(forced.stderr).toContain('warning: the classifiers of the bundle both were made for')
    expect(forced.summary().models.classifier.chunkLength).toBe(500)
    for (const words of [
      ['-m', '300', '-e', '500'],
      ['-m', '500', '-e', '300'],
    ])
      expect([words, (await predict('both', words)).code]).toEqual([words, 64])
  }, 60_000)

  test('one of the command line takes their place', async () => {
    const named = await predict('both', ['-e', '300', '--model-path', models.mlp])
    expect(named.stderr).toContain('was made for chunks of 500 bases, and chunks here have 300')
    expect(named.code).toBe(64)
    const right = await predict('both', ['--model-path', models.mlp])
    expect(right.code).toBe(0)
    expect(right.summary().models.classifier).toMatchObject({ name: 'classifier.pth', chunkLength: 500 })
  })
})

test('where nobody says the length, runs say so, or the user does', async () => {
  const { code, stderr, summary } = await predict('unknown', ['-e', '700'])
  expect(code).toBe(0)
  expect(stderr).toContain('warning: which chunk length the classifier')
  expect(summary().warnings.join()).toContain('which chunk length the classifier')
  const said = await predict('unknown', ['-m', '300'])
  expect(said.code).toBe(0)
  expect(said.stderr).not.toContain('is not known')
  expect((await predict('unknown', ['-m', '300', '-e', '700'])).code).toBe(64)
})

test('the demonstration says that its calls mean nothing, and nothing of its length', async () => {
  const { code, stderr } = await predict('demo', [])
  expect(code).toBe(0)
  expect(stderr.match(/warning: .*/g)).toEqual([expect.stringContaining('DEMONSTRATION')])
})

test('--mlp 500=FILE names a length in bases', async () => {
  const { code, stderr } = await importing(`0=${models.mlp}`, 'nothing')
  expect(code).toBe(64)
  expect(stderr).toContain('expected the chunk length in bases before =')
})
