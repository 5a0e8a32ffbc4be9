import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { writeRandomMlp } from '../../../scripts/support/random-models.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import {
  backbonesDigest,
  backbonesId,
  bundleDigest,
  classifierFor,
  classifiersOf,
  openBundle,
  verifyBundle,
} from '../../../src/bundle/index.ts'
import { addClassifiers, importModels } from '../../../src/import/index.ts'
import { resealBundle } from '../../support/bundle.ts'
import { succeed, virnucpro } from '../../support/cli.ts'
import { type ModelPaths, writeRandomModels } from './support/models.ts'

const folder = temporaryFolder()
const at = (...parts: string[]) => folder.join(...parts)
let models: ModelPaths
/** Classifiers by a name: one file each. */
const mlps = { short: at('short.safetensors'), long: at('long.safetensors'), other: at('other.safetensors') }

beforeAll(async () => {
  models = await writeRandomModels(folder.path)
  for (const [i, path] of Object.values(mlps).entries()) await writeRandomMlp(path, 70 + i, 48, 16)
  await importModels({ ...models, mlp: mlps.short, chunkLength: 300, output: at('short') })
  await importModels({ ...models, mlp: mlps.long, chunkLength: 500, output: at('long') })
  await importModels({ ...models, mlp: { 500: mlps.long, 300: mlps.short }, output: at('both') })
})
afterAll(() => folder[Symbol.asyncDispose]())

const manifestOf = async (name: string) => (await verifyBundle(at(name))).manifest

/** A bundle of one's own to change. */
function copy(name: string, to: string): string {
  cpSync(at(name), at(to), { recursive: true })
  return at(to)
}

const lengthsOf = async (bundle: string) =>
  classifiersOf((await verifyBundle(bundle)).manifest).map(({ chunkLength }) => chunkLength)

describe('a bundle with several classifiers', () => {
  test('holds the language models once and is for each length what a bundle with that one alone is', async () => {
    const [both, short, long] = await Promise.all(['both', 'short', 'long'].map(manifestOf))
    const names = ['dnabert_s', 'esm2', 'manifest.json', 'mlp', 'mlp500']
    expect(readdirSync(at('both')).sort()).toEqual(names)
    for (const [length, alone] of [
      [300, short!],
      [500, long!],
    ] as const) {
      const classifier = classifierFor(both!, length)!
      expect(classifier.graph.sha256).toBe(alone.models.mlp.graph.sha256)
      expect(classifier.source).toEqual(alone.models.mlp.source)
      expect(bundleDigest(both!, classifier)).toBe(bundleDigest(alone))
    }
    expect(classifierFor(both!, 400)).toBeUndefined()
    expect(new Set([both!, short!, long!].map(backbonesDigest)).size).toBe(1)
    expect(new Set([both!, short!, long!].map(backbonesId)).size).toBe(1)
    expect(backbonesId(both!)).toMatch(/^[0-9a-f]{16}$/)
    expect(backbonesId({ ...both!, precision: 'bf16' })).not.toBe(backbonesId(both!))
  })

  test('is refused by programs that know one only; with one, nothing is new', async () => {
    // What version 0.1.0 compares before anything else.
    expect((await manifestOf('both')).version).toBe(2)
    const one = JSON.parse(readFileSync(at('long/manifest.json'), 'utf8'))
    expect(one.version).toBe(1)
    expect(Object.keys(one.models)).toEqual(['esm2', 'dnabert_s', 'mlp'])
    expect(one.models.mlp.graph.path).toBe('mlp/model.onnx')
  })

  test('is refused where two are for one length, or none says it', async () => {
    const bundle = copy('both', 'twice')
    const refusal = () => openBundle(bundle).then(String, String)
    resealBundle(bundle, ({ models }) => {
      models.classifiers![0]!.chunkLength = 300
    })
    expect(await refusal()).toContain('a chunk length of its own')
    resealBundle(bundle, ({ models }) => {
      delete models.classifiers![0]!.chunkLength
    })
    expect(await refusal()).toContain('a chunk length of its own')
    const old = copy('both', 'old')
    resealBundle(old, (manifest) => {
      manifest.version = 1
    })
    expect(await openBundle(old).then(String, String)).toContain('layout of version 2')
  })

  test('every file is compared, those of further classifiers too', async () => {
    const bundle = copy('both', 'damaged')
    writeFileSync(`${bundle}/mlp500/model.onnx`, 'damaged')
    await expect(openBundle(bundle)).rejects.toThrow('mlp500/model.onnx has 7 bytes')
  })

  test('lends them, byte for byte, to the same language models in another precision', async () => {
    const mlp = await openBundle(at('both'))
    await importModels({ ...models, mlp, precision: 'bf16', calibrate: false, output: at('lent') })
    expect(classifiersOf(await manifestOf('lent'))).toEqual(classifiersOf(mlp.manifest))
  })

  test('is replaced as a whole by a new import', async () => {
    const output = copy('both', 'replaced')
    await importModels({ ...models, output, force: true })
    expect(readdirSync(output)).not.toContain('mlp500')
  })
})

describe('classifiers are added to a bundle', () => {
  test('without a change to its language models, and once', async () => {
    const bundle = copy('long', 'added')
    const weights = `${bundle}/esm2/weights.bin`
    const before = statSync(weights)
    await addClassifiers({ bundle, mlp: { 300: mlps.short } })
    expect(await lengthsOf(bundle)).toEqual([500, 300])
    const { ino, mtimeMs } = statSync(weights)
    expect({ ino, mtimeMs }).toEqual({ ino: before.ino, mtimeMs: before.mtimeMs })
    const { manifest } = await openBundle(bundle)
    for (const name of ['short', 'long']) {
      const alone = await manifestOf(name)
      const length = alone.models.mlp.chunkLength!
      expect(bundleDigest(manifest, classifierFor(manifest, length)!)).toBe(bundleDigest(alone))
    }
    const text = readFileSync(`${bundle}/manifest.json`, 'utf8')
    await addClassifiers({ bundle, mlp: { 300: mlps.short, 500: mlps.long } })
    expect(readFileSync(`${bundle}/manifest.json`, 'utf8')).toBe(text)
    expect(readdirSync(folder.path).filter((name) => /^\.|lock/.test(name))).toEqual([])
  })

  test('and take the place of another by force only', async () => {
    const bundle = copy('both', 'forced')
    const text = readFileSync(`${bundle}/manifest.json`, 'utf8')
    const refused = addClassifiers({ bundle, mlp: { 300: mlps.other, 500: mlps.other } })
    await expect(refused).rejects.toMatchObject({ code: 'classifier-taken', kind: 'cannotCreate' })
    expect(readFileSync(`${bundle}/manifest.json`, 'utf8')).toBe(text)
    await addClassifiers({ bundle, mlp: { 300: mlps.other }, force: true })
    const { manifest } = await verifyBundle(bundle)
    expect(await lengthsOf(bundle)).toEqual([300, 500])
    expect(classifierFor(manifest, 300)?.source.files[0]?.name).toBe('other.safetensors')
    // Nothing of the old one is left that a new import would take for a file of the user's.
    await importModels({ ...models, output: bundle, force: true })
  })

  test('only where each has a known length and fits; else nothing changes', async () => {
    await importModels({ ...models, output: at('unknown') })
    const wide = at('wide.safetensors')
    await writeRandomMlp(wide, 1, 50, 16)
    for (const [bundle, mlp, problem] of [
      ['unknown', { 300: mlps.short }, `that of mlp.safetensors is not`],
      ['long', mlps.short, 'that of short.safetensors is not'],
      ['long', { 300: wide }, `together 48, but the classifier ${wide} takes 50`],
      ['long', { 0: mlps.short }, 'a whole number of bases from 1'],
      ['long', {}, 'no classifier is named'],
    ] as const) {
      const text = readFileSync(at(bundle, 'manifest.json'), 'utf8')
      await expect(addClassifiers({ bundle: at(bundle), mlp })).rejects.toThrow(problem)
      expect(readFileSync(at(bundle, 'manifest.json'), 'utf8')).toBe(text)
    }
  })

  test('to a bundle of version 0.1.0, whose length is in the name of the file', async () => {
    const path = `${copy('long', 'first')}/manifest.json`
    const { checksum: _, ...old } = JSON.parse(readFileSync(path, 'utf8'))
    old.models.mlp.source.files[0].name = '500_model.pth'
    delete old.models.mlp.chunkLength
    writeFileSync(path, JSON.stringify(old))
    await addClassifiers({ bundle: at('first'), mlp: { 300: mlps.short } })
    expect(await lengthsOf(at('first'))).toEqual([500, 300])
  })

  test('by several processes at once, of which none is lost', async () => {
    const bundle = copy('long', 'together')
    const lengths = [100, 200, 300, 400]
    const children = lengths.map((length) => adding({ bundle, mlp: { [length]: mlps.short } }))
    for (const child of children) expect(await child.exited).toBe(0)
    expect((await lengthsOf(bundle)).toSorted((a, b) => a! - b!)).toEqual([...lengths, 500])
  }, 60_000)

  test('or not, when the process is killed: the bundle is whole at any moment', async () => {
    const bundle = copy('long', 'killed')
    // The manifest appears by a rename, as do the graphs before it: a kill before or after each of them.
    for (const renames of [0, 1, 2]) {
      const child = adding({ bundle, mlp: { [1000 + renames]: mlps.short } }, killAfter(renames))
      await child.exited
      expect(child.signalCode).toBe('SIGKILL')
      await verifyBundle(bundle)
    }
    expect(await lengthsOf(bundle)).toEqual([500, 1002])
    await addClassifiers({ bundle, mlp: { 1000: mlps.short, 1001: mlps.short, 1002: mlps.short } })
    expect(await lengthsOf(bundle)).toEqual([500, 1002, 1000, 1001])
    expect(readdirSync(folder.path).filter((name) => /^\.|lock/.test(name))).toEqual([])
  }, 60_000)
})

const door = resolve(import.meta.dir, '../../../src/models.ts')

/** Another process that adds classifiers. */
function adding(options: object, before = '') {
  const program = `${before}
    const { addClassifiers } = await import(${JSON.stringify(door)})
    await addClassifiers(${JSON.stringify(options)})`
  return Bun.spawn([process.execPath, '-e', program], { stdout: 'ignore', stderr: 'inherit' })
}

/** A file system on which the process ends once so many files have got their names in the bundle. */
function killAfter(renames: number): string {
  return `
    const files = await import('node:fs/promises')
    let left = ${renames}
    const rename = files.rename
    const { mock } = await import('bun:test')
    await mock.module('node:fs/promises', () => ({ ...files, rename: async (from, to) => {
      const counts = /model_|manifest/.test(String(to)) && !/\\.virnucpro-/.test(String(to))
      if (counts && left-- === 0) process.kill(process.pid, 'SIGKILL')
      await rename(from, to)
      if (counts && left === 0 && ${renames} === 2) process.kill(process.pid, 'SIGKILL')
    } }))`
}

describe('models import', () => {
  const weights = () => ['models', 'import', '--esm', models.esm, '--dnabert', models.dnabert]

  test('takes several classifiers and says what each is for', async () => {
    const words = ['--mlp', `500=${mlps.long}`, '--mlp', `300=${mlps.short}`, '-o', at('cli')]
    const { stderr } = await succeed(...weights(), ...words)
    expect(stderr).toContain('the classifier short.safetensors is for chunks of 300 bases')
    expect(stderr).toContain('the classifier long.safetensors is for chunks of 500 bases')
    const { manifest } = await openBundle(at('cli'))
    expect(manifest.models).toEqual((await manifestOf('both')).models)
  })

  test.each([
    [['300=a', '300=b'], 'a and b are both for chunks of 300 bases'],
    [['300=a', '300_model.pth'], 'a and 300_model.pth are both for chunks of 300 bases'],
    [['300=a', 'my_500.pth'], 'my_500.pth: with several classifiers the chunk length of each is needed'],
  ])('refuses --mlp %p', async (values, problem) => {
    const given = values.flatMap((value) => ['--mlp', value])
    const { code, stderr } = await virnucpro([...weights(), ...given, '-o', at('never')])
    expect(stderr).toContain(problem)
    expect(code).toBe(64)
    expect(existsSync(at('never'))).toBe(false)
  })
})
