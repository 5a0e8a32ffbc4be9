import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { codingDna, seededRandom } from '../../../bench/dna.ts'
import { encodeSafetensors } from '../../../scripts/support/safetensors.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { decodeMerged, readTorchFile } from '../../../src/torchfile/index.ts'
import { virnucpro } from '../../support/cli.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const WORDS = '--bundle demo --backend onnx --no-progress --no-report'.split(' ')
const HOST_GC = 0.7
const PHAGE_GC = 0.3
/** Genes without a stop codon, half of them on the other strand, and some bases between them. */
const genes = (length: number, seed: number) => Buffer.from(codingDna(length, seed, HOST_GC)).toString()

function drawn(length: number, seed: number, gc: number): string {
  const random = seededRandom(seed)
  const base = () => (random() < gc ? 'CG' : 'AT')[Math.floor(random() * 2)]
  return Array.from({ length }, base).join('')
}

/** Without genes, few chunks have an open frame: most of a genome costs nothing here. */
const between = (length: number, seed: number) => drawn(length, seed, HOST_GC)
/** One open frame from end to end, so that every chunk has a score. */
const phage = (length: number, seed: number) =>
  drawn(length, seed, PHAGE_GC).replaceAll(/.{3}/g, (codon) => (/TAA|TAG|TGA/.test(codon) ? 'AAA' : codon))

async function predict(text: string, name: string, ...words: string[]): Promise<void> {
  writeFileSync(folder.join(`${name}.fa`), text)
  const { code, stderr } = await virnucpro(
    ['predict', `${name}.fa`, '-o', name, ...WORDS, ...words],
    folder.path,
  )
  expect({ code, stderr }).toMatchObject({ code: 0 })
}

/**
 * A classifier that knows a phage by its composition: the difference of mean embeddings of both kinds, each value divided by its
 * variance, above or below the middle.
 */
async function writeClassifier(path: string): Promise<void> {
  await predict(`>host\n${genes(60_000, 1)}\n>phage\n${phage(60_000, 2)}\n`, 'learn', '-k')
  const file = await readTorchFile(folder.join('learn/learn_merged/output_1_merged.pt'))
  const { ids, rows, dim } = await decodeMerged(file)
  const kinds = ['host', 'phage'].map((kind) => {
    const of = ids.flatMap((id, i) => (id.startsWith(kind) ? [rows.subarray(i * dim, (i + 1) * dim)] : []))
    const mean = Array.from(
      { length: dim },
      (_, at) => of.reduce((sum, row) => sum + row[at]!, 0) / of.length,
    )
    const spread = mean.map(
      (value, at) => of.reduce((sum, row) => sum + (row[at]! - value) ** 2, 0) / of.length,
    )
    return { mean, spread }
  })
  const [a, b] = kinds as [(typeof kinds)[0], (typeof kinds)[0]]
  const weights = a.mean.map((mean, at) => (b.mean[at]! - mean) / (a.spread[at]! + b.spread[at]! + 1e-9))
  const middle = weights.reduce((sum, weight, at) => sum + (weight * (a.mean[at]! + b.mean[at]!)) / 2, 0)
  const tensor = (shape: number[], values: number[]) => ({ shape, values: Float32Array.from(values) })
  // One value for each side of the middle, which a ReLU lets through.
  const tensors = {
    'hidden_layer.weight': tensor([2, dim], [...weights, ...weights.map((weight) => -weight)]),
    'hidden_layer.bias': tensor([2], [-middle, middle]),
    'bn1.weight': tensor([2], [1, 1]),
    'bn1.bias': tensor([2], [0, 0]),
    'bn1.running_mean': tensor([2], [0, 0]),
    'bn1.running_var': tensor([2], [1, 1]),
    'output_layer.weight': tensor([2, 2], [-1, 1, 1, -1]),
    'output_layer.bias': tensor([2], [0, 0]),
  }
  writeFileSync(path, encodeSafetensors(tensors))
}

const LENGTH = 2_000_000
const START = 1_234_567
const END = START + 41_890
const CHUNK = 500
/** Genes of the bacterium on either side of the phage. */
const BESIDE = 100_000

beforeAll(async () => {
  await writeClassifier(folder.join('composition.safetensors'))
  const before = between(START - BESIDE, 3) + genes(BESIDE, 4)
  const after = genes(BESIDE, 5) + between(LENGTH - END - BESIDE, 6)
  const contig = before + phage(END - START, 7) + after
  expect(contig.length).toBe(LENGTH)
  await predict(`>contig a bacterium\n${contig}\n`, 'prophage', '--model-path', 'composition.safetensors')
})

test('a phage in a contig of 2 Mb is one stretch, its ends within a chunk of the truth', () => {
  const bed = readFileSync(folder.join('prophage/prophage_results/viral.bed'), 'utf8')
  const stretches = bed
    .replace(/^#.*\n/, '')
    .trimEnd()
    .split('\n')
  expect(stretches.map((line) => line.split('\t')[0])).toEqual(['contig'])
  const [, start, end] = stretches[0]?.split('\t') ?? []
  expect(Math.abs(Number(start) - START)).toBeLessThanOrEqual(CHUNK)
  expect(Math.abs(Number(end) - END)).toBeLessThanOrEqual(CHUNK)
})

test('the contig as a whole is not viral', () => {
  const [row = ''] =
    readFileSync(folder.join('prophage/prophage_results/contigs.tsv'), 'utf8').match(/^contig\t.*/m) ?? []
  const cells = row.split('\t')
  expect([cells[1], cells[2], cells[9]]).toEqual([String(LENGTH), String(LENGTH / CHUNK), 'non_viral'])
})
