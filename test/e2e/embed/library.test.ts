import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { classify, embed, openBundle, type SequenceInput, VirnucproError } from '../../../src/index.ts'
import { openChunks } from '../../../src/sequence/index.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { distance, reference } from './support.ts'

const bundle = 'demo'

/** Ids and rows of all that comes. */
async function collected(items: AsyncIterable<{ id: string; embedding: Float32Array }>) {
  const ids: string[] = []
  const rows: number[][] = []
  for await (const { id, embedding } of items) {
    ids.push(id)
    rows.push([...embedding])
  }
  return { ids, rows }
}

async function errorOf(items: AsyncIterable<unknown>): Promise<unknown> {
  try {
    for await (const _ of items) {
      // Only the error is of interest.
    }
  } catch (error) {
    return error
  }
  return undefined
}

test('embeddings come in the order of the sequences, whatever these are', async () => {
  async function* source(): AsyncGenerator<SequenceInput> {
    yield 'MKVLEFIPQWRTYHDS'
    yield { id: 'lower', sequence: 'mkv*' }
    yield { sequence: Buffer.from('MKJLE') }
    yield 'MKVLEFIPQWRTYHDS'
  }
  const given = ['MKVLEFIPQWRTYHDS', 'MKV', 'MKXLE', 'MKVLEFIPQWRTYHDS']
  for (const windowSize of [1, 3, undefined]) {
    const { ids, rows } = await collected(embed(source(), { model: 'esm2', bundle, windowSize }))
    expect(ids).toEqual(['0', 'lower', '2', '3'])
    expect(distance(rows, await reference('esm2', given))).toBeLessThan(2e-6)
  }
  const dna = await collected(embed(['acgtacgtnn'], { model: 'dnabert_s', bundle: await openBundle('demo') }))
  expect(distance(dna.rows, await reference('dnabert_s', ['ACGTACGTNN']))).toBeLessThan(2e-6)
})

test('what is too long is an error with a code, or is cut, and what is no sequence an error', async () => {
  const long = ['MKV', 'MKVLEF'.repeat(200)]
  const tooLong = await errorOf(embed(long, { model: 'esm2', bundle }))
  expect(tooLong).toBeInstanceOf(VirnucproError)
  expect((tooLong as VirnucproError).code).toBe('too-long')
  const lengths: number[] = []
  for await (const { length } of embed(long, { model: 'esm2', bundle, tooLong: 'cut', maxLength: 5 }))
    lengths.push(length)
  expect(lengths).toEqual([3, 5])
  for (const wrong of ['', 'MK V', 'MK\nV', 'MKÄ'])
    expect(await errorOf(embed([wrong], { model: 'esm2', bundle }))).toBeInstanceOf(VirnucproError)
  const unknown = await errorOf(embed(['MKV'], { model: 'esm2', bundle, triton: ['nowhere'] }))
  expect(String(unknown)).toContain('triton: expected HOST:PORT')
})

test('the source is read no further than needed, and is told when no more is wanted', async () => {
  let read = 0
  let isClosed = false
  function* endless(): Generator<string> {
    try {
      for (;;) {
        read++
        yield `MKV${'LEFIPQ'.slice(0, read % 6)}`
      }
    } finally {
      isClosed = true
    }
  }
  let taken = 0
  for await (const _ of embed(endless(), { model: 'esm2', bundle, windowSize: 10 })) {
    expect(read).toBeLessThanOrEqual(taken + 40)
    if (++taken === 95) break
  }
  expect(isClosed).toBe(true)
})

test('a signal ends it, also while the source is waited for', async () => {
  const controller = new AbortController()
  async function* stuck(): AsyncGenerator<string> {
    yield 'MKV'
    await new Promise(() => {})
  }
  setTimeout(() => controller.abort(new Error('enough')), 300)
  const error = await errorOf(
    embed(stuck(), { model: 'esm2', bundle, signal: controller.signal, windowSize: 1 }),
  )
  expect(String(error)).toBe('Error: enough')
  expect(String(await errorOf(embed(['MKV'], { model: 'esm2', bundle, signal: controller.signal })))).toBe(
    'Error: enough',
  )
})

test('frames and rows are classified as by predict', async () => {
  await using folder = temporaryFolder()
  const input = folder.join('contigs.fa')
  const records = ['ACGGCACCGAGGCAACGACCGGA'.repeat(40), 'acgccgacgaaggcaacc'.repeat(20)]
  await Bun.write(input, records.map((sequence, i) => `>c${i}\n${sequence}\n`).join(''))
  const run = await virnucpro(['predict', input, '--bundle', 'demo', '--output-dir', folder.join('out')])
  expect(run.code).toBe(0)
  const table = readFileSync(folder.join('out/contigs_merged/prediction_results.txt'), 'utf8')
  const expected = table
    .trim()
    .split('\n')
    .filter((line) => /^c\d/.test(line))
    .map((line) => line.split('\t'))
  const found = []
  for await (const frame of classify(
    records.map((sequence, i) => ({ id: `c${i}`, sequence })),
    { bundle },
  ))
    found.push(frame)
  expect(found.map(({ id }) => id)).toEqual(expected.map(([id]) => id!))
  for (const [i, { others, virus, sequence, start, end, chunk }] of found.entries()) {
    expect(Math.abs(others - Number(expected[i]![2]))).toBeLessThan(2e-6)
    expect(Math.abs(virus - Number(expected[i]![3]))).toBeLessThan(2e-6)
    const chunks = [...openChunks(Buffer.from(records[Number(sequence.slice(1))]!), 500)]
    expect([start, end]).toEqual([chunks[chunk - 1]!.start + 1, chunks[chunk - 1]!.end])
  }
  const [frame] = [...openChunks(Buffer.from(records[0]!), 500)][0]!.frames
  const row = [
    ...(await reference('dnabert_s', [Buffer.from(frame!.nucleotide).toString()])),
    ...(await reference('esm2', [Buffer.from(frame!.protein).toString()])),
  ].flat()
  const scores = await classify(Float32Array.from(row), { bundle })
  expect(Math.abs(scores[1]! - found[0]!.virus)).toBeLessThan(2e-6)
  await expect(classify(new Float32Array(7), { bundle })).rejects.toThrow('7 numbers are no rows of 64')
})

describe('docs/reference/library.md', () => {
  const text = readFileSync(join(repository, 'docs/reference/library.md'), 'utf8')
  const examples = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!)
  const printed = [
    /31 of 31 frames\n1 .*contigs_merged\n$/,
    /^example_1_coding_chunk_1F1 [A-Z]+\n/,
    /^insulin 32\nubiquitin 32\n$/,
    /^contig_chunk_1F1 1 \d+ 0\.\d{4}\n[\s\S]*\n4\n$/,
  ]

  test.each(examples.map((code, i) => [i + 1, code] as const))('example %i runs', async (i, code) => {
    await using folder = temporaryFolder()
    const placed = code.replace(`'results'`, JSON.stringify(folder.join('results')))
    const child = Bun.spawn([process.execPath, '-e', placed], { cwd: repository, stderr: 'pipe' })
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    expect(err).toBe('')
    expect(out).toMatch(printed[i - 1]!)
  })
})
