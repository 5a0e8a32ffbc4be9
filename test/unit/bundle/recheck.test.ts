import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type BoundsRecord,
  backbonesId,
  bundleDigest,
  factsOfPair,
  hostedNames,
  type Manifest,
  modelDigest,
  openBundle,
  pairOf,
  parseStatement,
  readBounds,
  statementText,
  writeBounds,
} from '../../../src/bundle/index.ts'
import { sha256 } from '../../../src/system/sha256.ts'

const folder = mkdtempSync(join(tmpdir(), 'virnucpro-recheck-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const { manifest: demo } = await openBundle('demo')
const file = (name: string) => ({ path: `esm2_recheck/${name}`, bytes: 1, sha256: sha256(name) })
const recheck = { precision: 'fp32', graph: file('model.onnx'), weights: file('weights.bin') } as const
const partnered: Manifest = {
  ...demo,
  version: 3,
  precision: 'int8',
  models: { ...demo.models, esm2: { ...demo.models.esm2, recheck } },
}
const pair = pairOf(partnered)!

const record = (classifier: string, bound: number): BoundsRecord => ({
  ...pair.digests,
  classifier: sha256(classifier),
  backend: 'a test',
  frames: 30,
  seed: 1,
  factor: 1.25,
  classes: [
    { upTo: 32, frames: 10, largest: bound / 1.25, bound },
    { upTo: 128, frames: 20, largest: bound / 1.25, bound: 2 * bound },
  ],
  measured: '2026-11-30T00:00:00.000Z',
})

test('bounds are kept by models and classifier, and measured again in their place', async () => {
  expect(await readBounds({ folder })).toEqual([])
  await writeBounds({ folder }, [record('300', 0.5), record('500', 0.25)])
  await writeBounds({ folder }, [record('500', 0.75), { ...record('500', 4), partner: sha256('another') }])
  const facts = factsOfPair(pair, await readBounds({ folder }))
  expect(facts).toMatchObject({ model: 'esm2', name: 'esm2_recheck', quantized: 'int8', partner: 'fp32' })
  expect(facts.bounds(sha256('300'))).toEqual({
    frames: 30,
    factor: 1.25,
    classes: [
      { upTo: 32, bound: 0.5 },
      { upTo: 128, bound: 1 },
    ],
  })
  expect(facts.bounds(sha256('500'))!.classes[0]).toEqual({ upTo: 32, bound: 0.75 })
  expect(facts.bounds(sha256('another'))).toBeUndefined()
})

test('a server states what a bundle knows of its models', async () => {
  const text = statementText(pair, await readBounds({ folder }))
  const { of, precision, bounds } = parseStatement(text)!
  expect([of, precision]).toEqual([modelDigest(partnered, 'esm2'), 'int8'])
  expect(bounds.map(({ classifier }) => classifier)).toEqual([sha256('300'), sha256('500')])
  expect(bounds[1]!.classes).toEqual([
    { upTo: 32, bound: 0.75 },
    { upTo: 128, bound: 1.5 },
  ])
  expect(parseStatement('{"of":1}')).toBeUndefined()
  expect(parseStatement('no JSON')).toBeUndefined()
})

test('a damaged file is an error that names it', async () => {
  const path = join(folder, 'recheck.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace('"upTo": 128', '"upTo": 16'))
  expect(readBounds({ folder })).rejects.toThrow(`${path} is damaged`)
})

test('a partner makes another bundle, and is what it is in a bundle of its own precision', () => {
  expect(hostedNames(demo)).toEqual(['esm2', 'dnabert_s'])
  expect(hostedNames(partnered)).toEqual(['esm2', 'dnabert_s', 'esm2_recheck'])
  const alone = { ...partnered, models: demo.models } as Manifest
  expect(bundleDigest(partnered)).not.toBe(bundleDigest(alone))
  expect(backbonesId(partnered)).not.toBe(backbonesId(alone))
  const own = { ...demo, models: { ...demo.models, esm2: { ...demo.models.esm2, ...recheck } } } as Manifest
  expect(modelDigest(partnered, 'esm2_recheck')).toBe(modelDigest(own, 'esm2'))
  expect(modelDigest(partnered, 'esm2')).toBe(modelDigest(alone, 'esm2'))
})
