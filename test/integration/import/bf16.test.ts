import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bundle } from '../../../src/bundle/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { hasPython } from '../../support/python.ts'
import { evaluated, inFp32 } from './support/embeddings.ts'
import { type ModelPaths, writeWiderModels } from './support/models.ts'
import { distance, temporaryFolder } from './support/run.ts'

const READS = join(repository, 'examples/contigs.fasta')
const folder = temporaryFolder()
const at = (...parts: string[]) => join(folder.path, ...parts)
const said: string[] = []
let models: ModelPaths
let bundle: Bundle
let plain: Bundle

beforeAll(async () => {
  models = await writeWiderModels(folder.path, 4)
  const onProgress = (message: string) => said.push(message)
  bundle = await importModels({ ...models, output: at('bf16'), precision: 'bf16', onProgress })
  plain = await importModels({ ...models, output: at('plain'), precision: 'bf16', calibrate: false })
})
afterAll(() => folder[Symbol.dispose]())

describe.skipIf(!hasPython)('a bundle in BF16', () => {
  test.each(['esm2', 'dnabert_s'] as const)(
    'gives embeddings of %s back what rounded weights take, of rows too that it knows nothing of',
    async (name) => {
      const [own, without] = [await evaluated(models, name, bundle), await evaluated(models, name, plain)]
      const added = own.flatMap((row, i) => row.map((value, j) => value - without[i]![j]!))
      expect(Math.max(...added.map(Math.abs))).toBeGreaterThan(1e-4)
      const exact = await inFp32(models, name)
      const rounded = await inFp32(models, name, { roundWeights: true })
      const back = rounded.map((value, i) => value + added[i]!)
      // The mean alone leaves 0.40 and 0.57 of it.
      const share = { esm2: 0.33, dnabert_s: 0.5 }[name]
      expect(distance(back, exact)).toBeLessThan(share * distance(rounded, exact))
      expect(distance(Float32Array.from(own.flat()), exact)).toBeLessThan(
        distance(Float32Array.from(without.flat()), exact),
      )
    },
  )
})

test('a bundle in BF16 says its accuracy and keeps it with what it was measured on', () => {
  const { input, accuracy } = bundle.manifest.bf16!
  const sha256 = new Bun.CryptoHasher('sha256').update(readFileSync(READS)).digest('hex')
  expect(input).toEqual({ name: 'contigs.fasta', bytes: Bun.file(READS).size, sha256 })
  for (const model of ['esm2', 'dnabert_s'] as const) {
    const { cosineMin, cosineMean } = accuracy[model]
    expect(cosineMin).toBeGreaterThan(0.9999)
    expect(cosineMin).toBeLessThan(1)
    expect(said.join('\n')).toContain(
      `${model}: weights in BF16 against FP32 on ${accuracy.sequences} other frames: cosine min ${cosineMin.toFixed(6)}, ` +
        `mean ${cosineMean.toFixed(6)}`,
    )
  }
  expect(said.join('\n')).toContain(`${accuracy.equalCalls} of ${accuracy.sequences} calls agree`)
  expect(plain.manifest.bf16).toBeUndefined()
  expect(plain.digest).not.toBe(bundle.digest)
})

test('DNABERT-S beside an ESM-2 in FP8 gets the same back', async () => {
  const fp8 = await importModels({
    ...models,
    output: at('fp8'),
    precision: 'fp8',
    calibrate: READS,
  })
  expect(fp8.manifest.models.dnabert_s.graph).toEqual(bundle.manifest.models.dnabert_s.graph)
  const { sequences, dnabert_s } = bundle.manifest.bf16!.accuracy
  expect(fp8.manifest.models.dnabert_s.bf16).toEqual({ accuracy: { sequences, ...dnabert_s } })
})

test('the command takes sequences of the user’s, or none', async () => {
  const files = ['--esm', models.esm, '--dnabert', models.dnabert, '--mlp', models.mlp]
  const cli = async (...more: string[]) => {
    const { code, stderr } = await virnucpro(['models', 'import', ...files, '--output', at('cli'), ...more])
    return { code, words: stderr }
  }
  writeFileSync(at('closed.fa'), `>a\n${'TAACTAGCTGA'.repeat(40)}\n`)
  const closed = await cli('--precision', 'bf16', '--calibrate', at('closed.fa'))
  expect(closed.code).not.toBe(0)
  expect(closed.words).toContain('BF16 needs 8')
  expect(existsSync(at('cli'))).toBe(false)
  writeFileSync(at('twice.fa'), `>a\n${'ACGGCA'.repeat(40)}\n`.repeat(2))
  const twice = await cli('--precision', 'bf16', '--calibrate', at('twice.fa'))
  expect(twice.words).toContain('duplicate id')
  // An option of predict, which this command does not have.
  expect(twice.words).not.toContain('--on-invalid')
  const none = await cli('--precision', 'bf16', '--calibrate', 'none')
  expect([none.code, none.words]).toEqual([0, expect.not.stringContaining('correcting embeddings')])
  const given = await cli('--precision', 'bf16', '--calibrate', READS, '--force')
  expect([given.code, given.words]).toEqual([0, expect.stringContaining('correcting embeddings for BF16')])
  const fp32 = await cli('--calibrate', READS, '--force')
  expect([fp32.code, fp32.words]).toEqual([64, expect.stringContaining('--calibrate is for')])
  const other = await cli('--precision', 'int8', '--calibrate', 'none', '--force')
  expect([other.code, other.words]).toEqual([
    64,
    expect.stringContaining('none is for --precision bf16 or fp16'),
  ])
})
