import { expect } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import fc from 'fast-check'
import { BundleError, bundleDigest, classifiersOf, type Manifest } from '../../../src/bundle/index.ts'
import { backbonesId, filesOf, hostedNames } from '../../../src/bundle/manifest.ts'
import { readManifest } from '../../../src/bundle/open.ts'
import { mutated } from '../mutations.ts'
import { edited } from '../references/json-edits.ts'
import { isSubset } from '../references/json-values.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

const REAL = readFileSync(resolve(import.meta.dir, '../../../examples/demo-bundle/manifest.json'))
const ZEROS = '0'.repeat(64)

/** The text of a manifest with a right checksum, as the documentation of formats describes it. */
function sealed(value: unknown): string {
  const { checksum: _, ...fields } = value as Record<string, unknown>
  const text = `${JSON.stringify({ ...fields, checksum: ZEROS }, null, 2)}\n`
  const at = text.lastIndexOf(ZEROS)
  return text.slice(0, at) + createHash('sha256').update(text).digest('hex') + text.slice(at + 64)
}

const SEED = JSON.parse(REAL.toString())
const { graph, weights } = SEED.models.esm2
const TWO = {
  ...SEED,
  version: 2,
  models: {
    ...SEED.models,
    mlp: { ...SEED.models.mlp, chunkLength: 500 },
    classifiers: [{ ...SEED.models.mlp, chunkLength: 300 }],
  },
}
const PARTNERED = {
  ...SEED,
  version: 3,
  precision: 'int8',
  models: { ...SEED.models, esm2: { ...SEED.models.esm2, recheck: { precision: 'fp32', graph, weights } } },
}

/** Whatever a manifest says that was taken, its files lie in the bundle, and all that is derived from it can be. */
function check(folder: string, manifest: Manifest): void {
  for (const { path, bytes } of filesOf(manifest)) {
    expect(resolve(folder, path).startsWith(folder + sep)).toBe(true)
    expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true)
  }
  for (const classifier of classifiersOf(manifest))
    expect(bundleDigest(manifest, classifier)).toMatch(/^[0-9a-f]{64}$/)
  expect(backbonesId(manifest)).toMatch(/^[0-9a-f]{16}$/)
  expect(hostedNames(manifest).length).toBeGreaterThan(1)
}

export const target: Target = {
  name: 'manifest',
  about:
    'manifest.json of a bundle, damaged or forged: what JSON.parse says, with files inside of the bundle alone, or a BundleError',
  weight: 1,
  property() {
    const { folder } = new Scratch()
    const original = JSON.stringify(JSON.parse(REAL.toString()))
    const damaged = mutated([{ name: 'manifest.json', bytes: REAL }], {
      tokens: ['"checksum"', '../', '{', '}', ',', '"'],
    }).map(({ bytes }) => Buffer.from(bytes))
    const forged = edited([SEED, TWO, PARTNERED]).map((value) => Buffer.from(sealed(value)))
    return fc.asyncProperty(fc.boolean(), damaged, forged, async (isForged, broken, made) => {
      const bytes = isForged ? made : broken
      writeFileSync(join(folder, 'manifest.json'), bytes)
      try {
        const manifest = await readManifest(folder)
        const said = JSON.parse(bytes.toString())
        expect(isSubset(manifest, said)).toBe(true)
        if (!isForged) expect(JSON.stringify(said)).toBe(original)
        check(folder, manifest)
      } catch (error) {
        if (!(error instanceof BundleError)) throw error
      }
    })
  },
}
