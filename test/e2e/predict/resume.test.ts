import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { predictHere, stopWhen } from './resume-inprocess.ts'
import { computed, differences, outputs, sum } from './resume-support.ts'

const folder = temporaryFolder()
const input = folder.join('reads.fa')
const whole = folder.join('whole')
let expected: Map<string, Buffer>
let sequences: number

beforeAll(async () => {
  writeFileSync(input, randomFasta(1, 40))
  const { error, log } = await predictHere(input, whole)
  expect(error).toBeUndefined()
  expected = outputs(whole)
  sequences = sum(computed(log).esm2)
  expect(sequences).toBeGreaterThan(100)
})
afterAll(() => folder[Symbol.asyncDispose]())

let copies = 0
/** An output folder in which a run was stopped after some parts. */
async function interrupted(parts = 4, overrides = {}): Promise<string> {
  const output = folder.join(`output_${++copies}`)
  const work = join(output, '.virnucpro', 'reads', 'work')
  const scores = () =>
    existsSync(work) ? readdirSync(work).filter((name) => name.endsWith('.scores')).length : 0
  const { error } = await predictHere(
    input,
    output,
    overrides,
    stopWhen(() => scores() >= parts),
  )
  expect(error?.message).toBe('stopped by the test')
  expect(scores()).toBeGreaterThanOrEqual(parts)
  expect(existsSync(join(output, 'reads_merged', 'prediction_results.txt'))).toBe(false)
  return output
}

describe('the same command', () => {
  test('continues a stopped run and computes nothing twice', async () => {
    const output = await interrupted()
    const { error, log } = await predictHere(input, output)
    expect(error).toBeUndefined()
    expect(log).toContain('continuing the unfinished run')
    expect(computed(log)).toEqual({ esm2: [], dnabert_s: [] })
    expect(differences(outputs(output), expected)).toEqual([])
    expect(readdirSync(join(output, '.virnucpro'))).toEqual(['reads'])
    expect(readdirSync(join(output, '.virnucpro', 'reads')).sort()).toEqual(['files.log', 'run.json'])
  })

  test('does nothing once the run is finished', async () => {
    const output = folder.join('finished')
    cpSync(whole, output, { recursive: true })
    const { result, log } = await predictHere(input, output, { resume: true })
    expect(result).toMatchObject({ alreadyFinished: true, frames: 240, records: 40, failedParts: 0 })
    expect(log).toContain('has finished before')
    expect(differences(outputs(output), expected)).toEqual([])
  })

  test('makes missing tables once more, and refuses changed ones', async () => {
    const output = folder.join('tables')
    cpSync(whole, output, { recursive: true })
    const table = join(output, 'reads_merged', 'prediction_results.txt')
    truncateSync(table, 100)
    const refused = await predictHere(input, output)
    expect(refused.error?.message).toContain(`${table} is not as the finished run wrote it`)
    rmSync(table)
    expect((await predictHere(input, output)).error).toBeUndefined()
    expect(differences(outputs(output), expected)).toEqual([])
  })

  test('after a change of anything that matters is refused with the difference, and starts over with --force', async () => {
    const output = await interrupted()
    const other = folder.join('other', 'reads.fa')
    await Bun.write(other, randomFasta(2, 40))
    const changes: [object, string, string?][] = [
      [{ expectedLength: 200 }, 'expectedLength: 300 -> 200'],
      [{ sequencesPerFile: 12 }, 'sequencesPerFile: 11 -> 12'],
      [{ layout: 'broad' }, 'layout: vanilla -> broad'],
      [{ resume: true }, `input: ${input} (`, other],
    ]
    for (const [change, difference, file] of changes) {
      const { error } = await predictHere(file ?? input, output, change)
      expect(error?.message).toContain('cannot be continued')
      expect(error?.message).toContain(difference)
      expect(error).toMatchObject({ kind: 'usage' })
    }
    const anew = await predictHere(other, output, { force: true })
    expect(anew.error).toBeUndefined()
    const clean = folder.join('clean')
    await predictHere(other, clean)
    expect(differences(outputs(output), outputs(clean))).toEqual([])
  })

  test('with other speed settings still continues', async () => {
    const output = await interrupted(2)
    const { error, log } = await predictHere(input, output, { esmTokenBudget: 300, threads: 2 })
    expect(error).toBeUndefined()
    expect(computed(log).esm2).toEqual([])
  })

  test('with --resume and nothing to continue starts from the beginning and says so', async () => {
    const { error, log } = await predictHere(input, folder.join('new'), { resume: true })
    expect(error).toBeUndefined()
    expect(log).toContain('nothing to continue')
  })
})

test('a run of another version or with a state of a newer one is not continued', async () => {
  const output = await interrupted()
  const state = join(output, '.virnucpro', 'reads', 'run.json')
  // As version 0.1.0 wrote it: with a checksum nobody but the program itself can change it.
  const { checksum: _, reuse: __, ...manifest } = JSON.parse(readFileSync(state, 'utf8'))
  writeFileSync(state, JSON.stringify({ ...manifest, version: '0.0.1' }))
  expect((await predictHere(input, output)).error?.message).toContain('version of virnucpro: 0.0.1 -> ')
  writeFileSync(state, JSON.stringify({ ...manifest, format: 99 }))
  expect((await predictHere(input, output)).error?.message).toContain('newer version')
  writeFileSync(state, JSON.stringify({ ...manifest, models: 'x' }))
  expect((await predictHere(input, output)).error?.message).toContain('models: x -> ')
})

test('a damaged state is nothing to continue from: all is computed, nothing is taken over', async () => {
  const output = await interrupted()
  writeFileSync(join(output, '.virnucpro', 'reads', 'run.json'), '{"format": 1, "vers')
  const { error, log } = await predictHere(input, output)
  expect(error).toBeUndefined()
  expect(sum(computed(log).esm2)).toBe(sequences)
  expect(differences(outputs(output), expected)).toEqual([])
})

test('several windows of parts continue as they would have gone on', async () => {
  const reads = folder.join('many', 'reads.fa')
  await Bun.write(reads, randomFasta(3, 1800, 60))
  const options = {
    sequencesPerFile: 2500,
    keepIntermediate: false,
    esmTokenBudget: 8192,
    dnabertTokenBudget: 8192,
  }
  const straight = await predictHere(reads, folder.join('straight'), options)
  expect(straight.result?.frames).toBe(10_800)
  const output = folder.join('windows')
  const part = join(output, '.virnucpro', 'reads', 'work', 'part_000003.scores')
  const stopped = await predictHere(
    reads,
    output,
    options,
    stopWhen(() => existsSync(part)),
  )
  expect(stopped.error?.message).toBe('stopped by the test')
  const { error, log } = await predictHere(reads, output, options)
  expect(error).toBeUndefined()
  expect(log).toMatch(/\d+ frames were already done/)
  const total = sum(computed(stopped.log).esm2) + sum(computed(log).esm2)
  expect(total).toBe(sum(computed(straight.log).esm2))
  expect(differences(outputs(output), outputs(folder.join('straight')))).toEqual([])
}, 60_000)
