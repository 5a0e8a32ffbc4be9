import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { chunkBounds, openFrames } from '../../../src/sequence/index.ts'
import { genomeSets, sequencesOf } from '../../support/genomes.ts'
import { hasPython, python } from '../../support/python.ts'
import { byName, referenceRuns } from '../../support/reference.ts'

// Starting Python may take long on a busy machine.
setDefaultTimeout(120_000)

const text = (data: Uint8Array) => new TextDecoder().decode(data)

interface Job {
  chunkLength: number
  sequence: string
}

/** Lines as the replica of the original prints them. */
function ours(jobs: readonly Job[], keepEmpty: boolean): string {
  const lines: string[] = []
  for (const [name, { chunkLength, sequence }] of jobs.entries()) {
    const record = new TextEncoder().encode(sequence)
    for (const { index, start, end } of chunkBounds(record.length, chunkLength)) {
      lines.push([name, 'chunk', index, start, end].join('\t'))
      for (const { frame, nucleotide, protein } of openFrames(record.subarray(start, end), { keepEmpty })) {
        lines.push([name, frame, text(nucleotide), text(protein)].join('\t'))
      }
    }
  }
  return `${lines.join('\n')}\n`
}

async function original(jobs: readonly Job[], keepEmpty: boolean): Promise<string> {
  const child = Bun.spawn(
    [
      python,
      resolve(import.meta.dir, '../../data/original/frames.py'),
      keepEmpty ? '--keep-empty' : '--default',
    ],
    {
      stdin: new Blob(
        jobs.map(({ chunkLength, sequence }, name) => `${name}\t${chunkLength}\t${sequence}\n`),
      ),
      stdout: 'pipe',
      stderr: 'inherit',
    },
  )
  const out = await new Response(child.stdout).text()
  expect(await child.exited).toBe(0)
  return out
}

const sample = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number) => fc.sample(arbitrary, { numRuns, seed: 7 })
const letters = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength })

describe.skipIf(!hasPython)('agreement with the original, retold in Python', () => {
  let compared = 0
  afterAll(() => expect(compared).toBeGreaterThan(1000))

  async function compare(jobs: readonly Job[], keepEmpty = false) {
    const expected = await original(jobs, keepEmpty)
    expect(ours(jobs, keepEmpty)).toBe(expected)
    compared += expected.split('\n').length
  }

  test('every record length up to six chunks', async () => {
    const jobs = [1, 2, 3, 7, 50, 101].flatMap((chunkLength) =>
      Array.from({ length: 6 * chunkLength }, (_, i) => ({ chunkLength, sequence: 'A'.repeat(i + 1) })),
    )
    await compare(jobs)
  })

  test('long records', async () => {
    const jobs = sample(fc.tuple(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom(300, 500, 4000)), 20)
    await compare(
      jobs.map(([length, chunkLength]) => ({ chunkLength, sequence: 'TAA'.repeat(length).slice(0, length) })),
    )
  })

  test('random bases, lower case, IUPAC letters, gaps and U', async () => {
    const jobs = sample(
      fc.record({
        chunkLength: fc.integer({ min: 1, max: 120 }),
        sequence: fc.oneof(
          letters('ACGT', 400),
          letters('ACGTacgtNnRYUu-.*', 200),
          letters('GCC', 200),
          letters('Nn', 9),
        ),
      }),
      400,
    )
    await compare(jobs)
    await compare(jobs, true)
  })

  test.each(genomeSets)('%s', async (_, files) => {
    const sequences = sequencesOf(files())
      .filter(({ length }) => length < 12_000)
      .slice(0, 24)
    expect(sequences.length).toBeGreaterThan(20)
    await compare(
      [300, 500, 4000].flatMap((chunkLength) => sequences.map((sequence) => ({ chunkLength, sequence }))),
    )
  })
})

test.each(byName(referenceRuns))('the files of a run with %s, letter for letter', (_, run) => {
  const fasta = (path: string) =>
    readFileSync(path, 'utf8')
      .split('>')
      .slice(1)
      .map((record) => {
        const [header = '', ...lines] = record.split('\n')
        return [header.split(/\s/)[0]!, lines.join('').replaceAll(/\s/g, '')] as [string, string]
      })
  const chunks: [string, string][] = []
  const nucleotides: [string, string][] = []
  const proteins: [string, string][] = []
  for (const [id, sequence] of fasta(run.input)) {
    const record = new TextEncoder().encode(sequence)
    for (const { index, start, end } of chunkBounds(record.length, 500)) {
      const chunk = record.subarray(start, end)
      chunks.push([`${id}_chunk_${index}`, text(chunk)])
      for (const { frame, nucleotide, protein } of openFrames(chunk)) {
        nucleotides.push([`${id}_chunk_${index}${frame}`, text(nucleotide)])
        proteins.push([`${id}_chunk_${index}${frame}`, text(protein)])
      }
    }
  }
  expect(chunks).toEqual(fasta(join(run.output, 'contigs_chunked500.fa')))
  expect(nucleotides).toEqual(fasta(join(run.output, 'contigs_identified_nucleotide.fa')))
  expect(proteins).toEqual(fasta(join(run.output, 'contigs_identified_protein.faa')))
  expect(proteins.length).toBeGreaterThan(40)
})
