// Makes examples/demo-bundle: tiny models with random weights, to show how the program works without the real ones.
// Everything comes from one seed, so that running it twice gives the same bytes; with --check it only compares.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openBundle, verifyBundle } from '../src/bundle/index.ts'
import { importModels } from '../src/import/index.ts'
import { writeRandomDnabert, writeRandomEsm2, writeRandomMlp } from './support/random-models.ts'
import { randomTokenizer } from './support/random-tokenizer.ts'

const SEED = 20_260_101
const CREATED = new Date('2026-01-01T00:00:00Z')
const ESM2 = { layers: 2, width: 32, heads: 4, hidden: 128 }
const DNABERT = { layers: 2, width: 32, heads: 4, hidden: 64, vocabulary: 256 }
const CLASSIFIER_HIDDEN = 32
const committed = resolve(import.meta.dir, '../examples/demo-bundle')

const work = await mkdtemp(join(tmpdir(), 'virnucpro-demo-'))
try {
  const check = process.argv.includes('--check')
  await make(check ? join(work, 'bundle') : committed)
  if (check && !(await same(join(work, 'bundle'), committed))) {
    console.error(`${committed} is not what this script makes: run bun scripts/make-demo-bundle.ts`)
    process.exitCode = 1
  }
} finally {
  await rm(work, { recursive: true, force: true })
}

async function make(output: string): Promise<void> {
  const tokenizer = randomTokenizer(SEED, DNABERT.vocabulary)
  const [esm, dnabert, mlp] = ['esm2', 'dnabert_s', 'mlp.safetensors'].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ]
  await writeRandomEsm2(esm, SEED + 1, ESM2)
  await writeRandomDnabert(dnabert, SEED + 2, { ...DNABERT, tokenizer })
  await writeRandomMlp(mlp, SEED + 3, DNABERT.width + ESM2.width, CLASSIFIER_HIDDEN)
  await importModels({ esm, dnabert, mlp, output, name: 'demo', created: CREATED, demo: true, force: true })
}

/** Whether two bundles agree in everything but the version of the program that wrote them. */
async function same(a: string, b: string): Promise<boolean> {
  try {
    await verifyBundle(b)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return false
  }
  const [one, other] = await Promise.all([openBundle(a), openBundle(b)])
  const described = await Promise.all([a, b].map((folder) => readFile(join(folder, 'manifest.json'), 'utf8')))
  const [left, right] = described.map((text) => JSON.stringify({ ...JSON.parse(text), tool: undefined }))
  return one.digest === other.digest && left === right
}
