import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Bundle } from '../../../src/bundle/bundle.ts'
import { bundleDigest, type ClassifierRecord, layoutVersion, openBundle } from '../../../src/bundle/index.ts'
import { type ClassifierChoice, chooseClassifier } from '../../../src/predict/classifier.ts'
import { UsageError } from '../../../src/system/errors.ts'
import { sha256 } from '../../../src/system/sha256.ts'

const { manifest: demo } = await openBundle('demo')

/** A classifier that no other is like. */
function classifier(chunkLength: number): ClassifierRecord {
  const digest = sha256(`${chunkLength}`)
  const file = { name: `for${chunkLength}`, bytes: 1, sha256: digest }
  const graph = { path: `mlp${chunkLength}/model.onnx`, bytes: 1, sha256: digest }
  return { ...demo.models.mlp, chunkLength, graph, source: { licence: 'MIT', files: [file] } }
}

/** The language models of the demonstration with a classifier for each length. */
function bundleFor(lengths: readonly number[]): Bundle {
  const [mlp, ...classifiers] = lengths.map(classifier) as [ClassifierRecord]
  const models = { ...demo.models, mlp, ...(classifiers.length > 0 && { classifiers }) }
  return new Bundle('bundle', { ...demo, version: layoutVersion(lengths.length), models })
}

/** What a run with these options would have, or why there is none, and what was said. */
async function choose(bundle: Bundle, options: Partial<ClassifierChoice> & { expectedLength: number }) {
  const warnings: string[] = []
  const silent = { info() {}, debug() {}, error() {}, warn: (message: string) => void warnings.push(message) }
  const all = { mlp: undefined, classifierFor: undefined, anyLength: false, mlpBatchSize: 256, ...options }
  const chosen = await chooseClassifier({ threads: undefined, ...all }, bundle, silent).catch(
    (error: unknown) => error as UsageError,
  )
  return { chosen, warnings }
}

const length = fc.integer({ min: 1, max: 40 })
const lengths = fc.uniqueArray(length, { minLength: 1, maxLength: 6 })

test('chunks get the classifier for their length, or none', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, length, async (own, expectedLength) => {
      const { chosen, warnings } = await choose(bundleFor(own), { expectedLength })
      if (own.includes(expectedLength)) {
        expect(chosen).toMatchObject({ facts: { name: `for${expectedLength}`, chunkLength: expectedLength } })
        // As in a bundle that has no other, so that it does not matter which others there are.
        const alone = bundleFor([expectedLength])
        expect(chosen).toMatchObject({ digest: bundleDigest(alone.manifest) })
      } else {
        expect(chosen).toBeInstanceOf(UsageError)
        for (const each of own) expect((chosen as UsageError).message).toContain(`${each}`)
      }
      expect(warnings).toEqual([])
    }),
  )
})

test('a length that is asked for and is not that of the chunks is an error', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, length, length, async (own, expectedLength, classifierFor) => {
      fc.pre(expectedLength !== classifierFor)
      const { chosen } = await choose(bundleFor(own), { expectedLength, classifierFor })
      expect(chosen).toBeInstanceOf(UsageError)
    }),
  )
})

test('by force there is always one, the nearest, and a warning unless it is the right one', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, length, async (own, expectedLength) => {
      const { chosen, warnings } = await choose(bundleFor(own), { expectedLength, anyLength: true })
      const { chunkLength } = (chosen as Exclude<typeof chosen, UsageError>).facts
      const distances = own.map((each) => Math.abs(each - expectedLength))
      expect(Math.abs(chunkLength! - expectedLength)).toBe(Math.min(...distances))
      expect(warnings).toHaveLength(own.includes(expectedLength) ? 0 : 1)
    }),
  )
})
