import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { decodeDnabert, decodeEsm, encodeEsmFile, readTorchFile } from '../../../src/torchfile/index.ts'
import { predictHere, stopWhen } from './resume-inprocess.ts'
import { computed, differences, outputs, sum } from './resume-support.ts'

setDefaultTimeout(60_000)

// Each fault of Broad's fork that lost or mixed results, brought about on purpose.

const folder = temporaryFolder()
const input = folder.join('reads.fa')
const whole = folder.join('whole')
let expected: Map<string, Buffer>
let sequences: number
const LAYOUT = { layout: 'broad' } as const

beforeAll(async () => {
  writeFileSync(input, randomFasta(1, 40))
  const { log } = await predictHere(input, whole, LAYOUT)
  expected = outputs(whole)
  sequences = sum(computed(log).esm2)
})
afterAll(() => folder[Symbol.asyncDispose]())

let copies = 0
/** A run that was stopped while it wrote its parts. */
async function interrupted(parts = 6): Promise<string> {
  const output = folder.join(`output_${++copies}`)
  const scores = join(output, '.virnucpro', 'reads', 'work', `part_${String(parts).padStart(6, '0')}.scores`)
  const { error } = await predictHere(
    input,
    output,
    LAYOUT,
    stopWhen(() => existsSync(scores)),
  )
  expect(error?.message).toBe('stopped by the test')
  return output
}

/** A finished run as the fork leaves one: without any state of ours. */
function foreign(): string {
  const output = folder.join(`output_${++copies}`)
  cpSync(whole, output, { recursive: true })
  rmSync(join(output, '.virnucpro'), { recursive: true })
  for (const table of ['prediction_results.txt', 'prediction_results_highestscore.csv'])
    rmSync(join(output, 'reads_merged', table))
  rmSync(join(output, 'reads_merged', 'DEMONSTRATION.txt'))
  rmSync(join(output, 'reads_report'), { recursive: true })
  rmSync(join(output, 'reads_results'), { recursive: true })
  return output
}

const part = (output: string, number: number) => ({
  dnabert: join(output, 'reads_nucleotide', `output_${number}_DNABERT_S.pt`),
  esm: join(output, 'reads_protein', `output_${number}_ESM.pt`),
  merged: join(output, 'reads_merged', `output_${number}_merged.pt`),
})

async function endsWell(output: string, overrides = {}): Promise<string> {
  const { error, log } = await predictHere(input, output, { ...LAYOUT, ...overrides })
  expect(error).toBeUndefined()
  const now = outputs(output)
  for (const name of now.keys()) if (!expected.has(name)) now.delete(name)
  expect(differences(now, expected)).toEqual([])
  return log
}

/**
 * The same for an old run of which something is missing: that alone is computed, in batches of its own, so that the last
 * digits of its scores may differ.
 */
async function endsAlike(output: string): Promise<string> {
  const { error, log } = await predictHere(input, output, { ...LAYOUT, resume: true })
  expect(error).toBeUndefined()
  const rows = (files: ReadonlyMap<string, Buffer>) =>
    (files.get('reads_merged/prediction_results.txt') ?? '')
      .toString()
      .trim()
      .split('\n')
      .slice(2)
      .map((row) => row.split('\t'))
  const [ours, theirs] = [rows(outputs(output)), rows(expected)]
  expect(ours.map(([id, call]) => [id, call])).toEqual(theirs.map(([id, call]) => [id, call]))
  const apart = ours.map((row, i) => Math.abs(Number(row[3]) - Number(theirs[i]?.[3])))
  expect(Math.max(...apart)).toBeLessThan(2e-5)
  return log
}

test('resuming does not scramble embeddings: every id has the vector of an undisturbed run', async () => {
  for (const parts of [1, 3, 9]) {
    const output = await interrupted(parts)
    await endsWell(output)
    const [now, then] = await Promise.all(
      [output, whole].map(async (root) => {
        const vectors = new Map<string, string>()
        for (let number = 1; number <= 22; number++) {
          const { dnabert, esm } = part(root, number)
          const tables = [
            await decodeDnabert(await readTorchFile(dnabert)),
            await decodeEsm(await readTorchFile(esm)),
          ]
          for (const { ids, rows, dim } of tables)
            for (const [i, id] of ids.entries())
              vectors.set(`${dim} ${number} ${id}`, rows.subarray(i * dim, (i + 1) * dim).join())
        }
        return vectors
      }),
    )
    expect(now).toEqual(then as Map<string, string>)
  }
})

test('a merged file of another run is not used, whatever its name and its .done say', async () => {
  const output = await interrupted()
  const { merged } = part(output, 2)
  cpSync(part(whole, 3).merged, merged)
  const log = await endsWell(output)
  expect(log).toContain(
    `warning: ${merged} is damaged or not the one that was written: part 2 is computed again`,
  )

  // Left in a folder without any state, as the fork leaves them in all folders.
  const stale = folder.join('stale')
  mkdirSync(join(stale, 'reads_merged'), { recursive: true })
  cpSync(part(whole, 3).merged, part(stale, 1).merged)
  writeFileSync(`${part(stale, 1).merged}.done`, '')
  expect(sum(computed(await endsWell(stale, { resume: true })).esm2)).toBe(sequences)
})

test('--force leaves nothing of an earlier run of the same name', async () => {
  const output = folder.join('forced')
  cpSync(whole, output, { recursive: true })
  const other = folder.join('other', 'reads.fa')
  await Bun.write(other, randomFasta(7, 5))
  expect((await predictHere(other, output, { ...LAYOUT, force: true })).error).toBeUndefined()
  const clean = folder.join('clean')
  await predictHere(other, clean, LAYOUT)
  expect(differences(outputs(output), outputs(clean))).toEqual([])
})

test('ids do not shift where rows are missing or in another order', async () => {
  const output = foreign()
  // Part 1 in reverse, part 2 without its first rows: paired by position, both give vectors to the wrong frames.
  for (const [number, from, to] of [
    [1, 11, 0],
    [2, 3, 11],
  ] as const) {
    const path = part(output, number).esm
    const { ids, rows, dim } = await decodeEsm(await readTorchFile(path))
    const order = from > to ? ids.map((_, i) => ids.length - 1 - i) : ids.map((_, i) => i).slice(from, to)
    const table = {
      ids: order.map((i) => ids[i] as string),
      rows: Float32Array.from(order.flatMap((i) => [...rows.subarray(i * dim, (i + 1) * dim)])),
      dim,
    }
    writeFileSync(path, await encodeEsmFile(table, { archiveName: `output_${number}_ESM`, stamp: true }))
  }
  const log = await endsAlike(output)
  expect(log).toContain(`not used: ${part(output, 2).esm} has 8 ids`)
  expect(sum(computed(log).dnabert_s)).toBe(0)
})

test('an empty file is not taken as done', async () => {
  const stopped = await interrupted()
  truncateSync(part(stopped, 2).dnabert, 0)
  expect(await endsWell(stopped)).toContain(`${part(stopped, 2).dnabert} is damaged`)

  const output = foreign()
  for (const path of Object.values(part(output, 2))) truncateSync(path, 0)
  const log = await endsAlike(output)
  expect(log).toContain('is empty (0 bytes)')
  expect(sum(computed(log).esm2)).toBeGreaterThanOrEqual(11)
})

test('a .done without data, and data without .done, are not done', async () => {
  const output = await interrupted()
  rmSync(part(output, 1).esm)
  rmSync(`${part(output, 3).dnabert}.done`)
  const log = await endsWell(output)
  expect(log).toContain(`${part(output, 1).esm} is missing: part 1 is computed again`)
  expect(log).toContain(`${part(output, 3).dnabert}.done is missing: part 3 is computed again`)

  const old = foreign()
  rmSync(part(old, 1).esm)
  expect(existsSync(`${part(old, 1).esm}.done`)).toBe(true)
  expect(sum(computed(await endsAlike(old)).esm2)).toBeGreaterThanOrEqual(11)
})

test('a file with one changed or missing byte anywhere is named and made again', async () => {
  const output = await interrupted(8)
  const expectedLog: string[] = []
  let seed = 1
  for (const [number, kind] of [
    [1, 'esm'],
    [2, 'dnabert'],
    [3, 'merged'],
    [4, 'esm'],
    [5, 'dnabert'],
  ] as const) {
    const path = part(output, number)[kind]
    const bytes = readFileSync(path)
    seed = (seed * 48271) % 0x7fffffff
    if (number === 4) truncateSync(path, bytes.length - 1)
    else {
      bytes[seed % bytes.length] = (bytes[seed % bytes.length] as number) ^ 4
      writeFileSync(path, bytes)
    }
    expectedLog.push(`${path} is damaged`)
  }
  const log = await endsWell(output)
  for (const line of expectedLog) expect(log).toContain(line)
})

test('damaged scores and journals are computed again', async () => {
  const output = await interrupted(3)
  const work = join(output, '.virnucpro', 'reads', 'work')
  const names = readdirSync(work)
  expect(names.filter((name) => name.endsWith('.journal'))).toHaveLength(1)
  for (const name of names) {
    const bytes = readFileSync(join(work, name))
    const middle = bytes.length >> 1
    bytes[middle] = (bytes[middle] as number) ^ 1
    writeFileSync(join(work, name), bytes)
  }
  expect(sum(computed(await endsWell(output)).esm2)).toBeGreaterThan(10)
})
