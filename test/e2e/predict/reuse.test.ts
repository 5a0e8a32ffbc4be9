import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { predictSamples } from '../../../src/predict/index.ts'
import { readSummary } from '../../../src/report/index.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { completeOptions, type PredictOptions } from '../../../src/settings/index.ts'
import { sealed, unsealed } from '../../../src/system/sealed.ts'
import { breakGraph } from '../../support/broken-graph.ts'
import { resealBundle } from '../../support/bundle.ts'
import { refusingRepository } from '../../support/refusing.ts'
import { recurringFasta } from './recurring.ts'
import { predictHere, stopWhen } from './resume-inprocess.ts'
import { computed, differences, outputs, repository, sum } from './resume-support.ts'

setDefaultTimeout(60_000)

/** A dozen windows of several parts. */
const WINDOW = 60
const OPTIONS = {
  esmTokenBudget: 900,
  dnabertTokenBudget: 500,
  sequencesPerFile: 20,
  metrics: false,
} as const
const folder = temporaryFolder()
const input = folder.join('reads.fa')
/** What a run that is not disturbed leaves, and what it said. */
let expected: Map<string, Buffer>
let whole: string

/** A run over the input. */
const reusing = (
  output: string,
  overrides: Partial<PredictOptions> = {},
  signal?: AbortSignal,
  from = input,
) => predictHere(from, output, { ...OPTIONS, ...overrides }, signal, { windowFrames: WINDOW })

const stateOf = (output: string, name: string) => join(output, '.virnucpro', 'reads', name)
const store = (output: string) => stateOf(output, 'work/reused.journal')
const scores = (output: string) =>
  existsSync(stateOf(output, 'work'))
    ? readdirSync(stateOf(output, 'work')).filter((name) => name.endsWith('.scores')).length
    : 0

/** Stops a run that is not disturbed otherwise once so many parts are done. @returns what it said */
async function stopAfter(output: string, parts: number, overrides: Partial<PredictOptions> = {}) {
  const { error, log } = await reusing(
    output,
    overrides,
    stopWhen(() => scores(output) >= parts),
  )
  expect(error?.message).toBe('stopped by the test')
  expect(scores(output)).toBeGreaterThanOrEqual(parts)
  return log
}

async function expectSameEnd(output: string, overrides: Partial<PredictOptions> = {}): Promise<string> {
  const { error, log } = await reusing(output, overrides)
  expect(error).toBeUndefined()
  expect(differences(outputs(output), expected)).toEqual([])
  return log
}

const sequencesIn = (log: string) => sum(computed(log).esm2) + sum(computed(log).dnabert_s)

beforeAll(async () => {
  writeFileSync(input, recurringFasta(1, 150))
  const { error, log } = await reusing(folder.join('whole'))
  expect(error).toBeUndefined()
  expected = outputs(folder.join('whole'))
  whole = log
})
afterAll(() => folder[Symbol.dispose]())

/** Cells of the table of frames. */
const frames = (output: string) =>
  readFileSync(join(output, 'reads_merged', 'prediction_results.txt'), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(2)
    .map((line) => line.split('\t'))

test('a sequence is computed once in a run, and all else is as if each window had computed its own', async () => {
  const proteins = new Set<string>()
  const nucleotides = new Set<string>()
  for (const [name, bytes] of expected) {
    const lines = bytes.toString().split('\n')
    const sequences = lines.filter((line) => line !== '' && !line.startsWith('>'))
    if (/^reads_protein\/.*\.fa$/.test(name)) for (const each of sequences) proteins.add(each)
    if (/^reads_nucleotide\/.*\.fa$/.test(name)) for (const each of sequences) nucleotides.add(each)
  }
  expect(sum(computed(whole).esm2)).toBe(proteins.size)
  expect(sum(computed(whole).dnabert_s)).toBe(nucleotides.size)

  const output = folder.join('without')
  const without = await reusing(output, { reuseDisk: 0 })
  expect(sequencesIn(without.log)).toBeGreaterThan(1.2 * sequencesIn(whole))
  const rows = frames(folder.join('whole'))
  expect(rows.length).toBeGreaterThan(10 * WINDOW)
  const others = frames(output)
  expect(rows.map(([id]) => id)).toEqual(others.map(([id]) => id))
  for (const [i, row] of rows.entries())
    for (const at of [2, 3]) expect(Number(row[at])).toBeCloseTo(Number(others[i]?.[at]), 4)

  // Every frame is counted once.
  const { computed: counted, counts } = await readSummary(
    join(folder.join('whole'), 'reads_report', 'summary.json'),
  )
  for (const { sequences, sharedSequences, reusedSequences } of Object.values(counted))
    expect(sequences + sharedSequences + reusedSequences).toBe(counts.frames)
  const { reusedSequences, sharedSequences } = counted.esm2
  expect(reusedSequences).toBeGreaterThan(counts.frames / 5)
  expect(whole).toContain(
    `, ${sharedSequences} equal to one of their window, ${reusedSequences} reused from earlier windows`,
  )
  expect(readFileSync(join(folder.join('whole'), 'reads_report', 'report.html'), 'utf8')).toContain(
    `${reusedSequences} reused from earlier windows`,
  )
  expect(existsSync(store(folder.join('whole')))).toBe(false)
  expect(without.log).not.toContain('reused from')
})

test('a run that is killed again and again ends with the same bytes', async () => {
  const output = folder.join('killed')
  const overrides = JSON.stringify({ ...OPTIONS, windowFrames: WINDOW })
  const script = join(import.meta.dir, 'windowed-run.ts')
  let killed = 0
  for (const parts of [1, 6, 12, 21]) {
    const child = Bun.spawn([process.execPath, script, input, output, overrides], {
      cwd: repository,
      stdout: 'ignore',
      stderr: 'ignore',
    })
    while (scores(output) < parts && child.exitCode === null) await Bun.sleep(1)
    child.kill('SIGKILL')
    await child.exited
    if (child.signalCode === 'SIGKILL') killed++
  }
  expect(killed).toBeGreaterThan(2)
  const log = await expectSameEnd(output)
  expect(sequencesIn(log)).toBeLessThan(sequencesIn(whole))
})

test('what was kept and is damaged or gone since is computed again, in the batches that it was in', async () => {
  const stopped = folder.join('stopped')
  const before = sequencesIn(await stopAfter(stopped, 10))
  const damage: Record<string, (path: string) => void> = {
    gone: (path) => rmSync(path),
    cut: (path) => truncateSync(path, statSync(path).size >> 1),
    empty: (path) => truncateSync(path, 0),
    changed(path) {
      const file = openSync(path, 'r+')
      writeSync(file, Buffer.from([1, 2, 3]), 0, 3, 3000)
    },
  }
  const spent: number[] = []
  for (const [name, harm] of Object.entries(damage)) {
    const output = folder.join(name)
    cpSync(stopped, output, { recursive: true, preserveTimestamps: true })
    harm(store(output))
    spent.push(sequencesIn(await expectSameEnd(output)))
  }
  const undamaged = sequencesIn(await expectSameEnd(stopped))
  // But for batches that were stopped, nothing twice.
  expect(before + undamaged).toBeLessThan(1.1 * sequencesIn(whole))
  for (const sequences of spent) expect(sequences).toBeGreaterThan(undamaged)
})

test('what is damaged while a run goes on ends it before anything false is used, and the next start mends it', async () => {
  const output = folder.join('harmed')
  const watch = setInterval(() => {
    if (scores(output) < 6) return
    clearInterval(watch)
    truncateSync(store(output), 100)
  }, 1)
  const { error } = await reusing(output)
  clearInterval(watch)
  expect(error?.message).toContain(
    `an embedding in ${store(output)}, which this run has kept, is missing or damaged. The same command computes it again`,
  )
  expect(error).toMatchObject({ kind: 'tryAgain' })
  await expectSameEnd(output)
})

test('a pipe and a limit on the disk give the same plan from one start to the next', async () => {
  const pipe = folder.join('pipe.fa')
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
  const feed = () => Bun.spawn(['sh', '-c', `cat ${input} > ${pipe}`], { stderr: 'ignore' })
  const piped = folder.join('piped')
  const options = { prefix: 'reads' }
  feed()
  const first = await reusing(
    piped,
    options,
    stopWhen(() => scores(piped) >= 8),
    pipe,
  )
  expect(first.error?.message).toBe('stopped by the test')
  feed()
  const second = await reusing(piped, options, undefined, pipe)
  expect(second.error).toBeUndefined()
  // All is kept, which is more than what recurs.
  expect(differences(outputs(piped), expected)).toEqual([])

  // Room for a part of what recurs.
  const limited = { reuseDisk: 0.000015 }
  const straight = await reusing(folder.join('limited'), limited)
  const some = sequencesIn(straight.log)
  expect(some).toBeGreaterThan(sequencesIn(whole))
  expect(some).toBeLessThan(1.15 * sequencesIn((await reusing(folder.join('none'), { reuseDisk: 0 })).log))
  const output = folder.join('limited-twice')
  await stopAfter(output, 8, limited)
  expect(statSync(store(output)).size).toBeLessThan(60_000)
  const { error } = await reusing(output, limited)
  expect(error).toBeUndefined()
  expect(differences(outputs(output), outputs(folder.join('limited')))).toEqual([])
})

test('a run of a version without reuse goes on as it began; one that has less room from now on goes on with that', async () => {
  const before = folder.join('before')
  await stopAfter(before, 8, { reuseDisk: 0 })
  const manifest = stateOf(before, 'run.json')
  const { reuse, ...old } = unsealed(readFileSync(manifest, 'utf8'))?.value ?? {}
  expect(reuse).toBe(0)
  writeFileSync(manifest, `${sealed(old, 2)}\n`)
  expect((await reusing(before)).error).toBeUndefined()
  await reusing(folder.join('never'), { reuseDisk: 0 })
  expect(differences(outputs(before), outputs(folder.join('never')))).toEqual([])

  const less = folder.join('less')
  await stopAfter(less, 8)
  const { error, log } = await reusing(less, { reuseDisk: 0 })
  expect(error).toBeUndefined()
  expect(log).not.toContain('reused from')
  expect(frames(less).map(([id]) => id)).toEqual(frames(folder.join('whole')).map(([id]) => id))
})

/** Reads each of which comes again after all others. */
function twice(path: string): string {
  const once = recurringFasta(1, 75)
  writeFileSync(path, once + once.replaceAll('>read', '>again'))
  return path
}

test('a refused sequence fails wherever it comes again, and is tried once', async () => {
  const bundle = folder.join('bundle')
  cpSync(join(repository, 'examples', 'demo-bundle'), bundle, { recursive: true })
  breakGraph(join(bundle, 'dnabert_s', 'model.onnx'))
  resealBundle(bundle)
  const output = folder.join('refused')
  const from = twice(folder.join('twice.fa'))
  const options = { bundle, prefix: 'reads' }
  const first = await reusing(output, options, undefined, from)
  expect(first.error).toBeUndefined()
  const listed = () =>
    readFileSync(join(output, 'reads_failed_frames.tsv'), 'utf8').trimEnd().split('\n').slice(1)
  const failed = listed()
  const dnaOf = new Map<string, string>()
  for (const [name, bytes] of outputs(output))
    if (/^reads_nucleotide\/.*\.fa$/.test(name))
      for (const record of bytes.toString().split('>').slice(1)) {
        const [id = '', dna = ''] = record.split('\n')
        dnaOf.set(id, dna)
      }
  const refused = failed.map((line) => dnaOf.get(line.split('\t')[2] ?? ''))
  const different = new Set(refused)
  expect(different.size).toBeGreaterThan(1)
  expect(refused.length).toBeGreaterThanOrEqual(2 * different.size)
  // Whatever frame has such a sequence is among them, with the same reason.
  expect([...dnaOf.values()].filter((dna) => different.has(dna))).toHaveLength(refused.length)
  const tried = (log: string) =>
    sum(
      Array.from(log.matchAll(/DNABERT-S has no embedding for (\d+) sequence/g), ([, count]) =>
        Number(count),
      ),
    )
  expect(tried(first.log)).toBe(different.size)
  const second = await reusing(output, options, undefined, from)
  expect(tried(second.log)).toBe(different.size)
  expect(sequencesIn(second.log)).toBe(0)
  expect(listed()).toEqual(failed)
})

describe.skipIf(!hasTriton)('servers', () => {
  const words = (from: string, output: string) => ({ prefix: 'reads', outputDir: output, inputs: [from] })
  const endpoint = ({ grpcUrl }: { grpcUrl: string }) => grpcUrl

  test('with one server or two, stopped and continued, it ends with the same bytes', async () => {
    const models = folder.join('repository')
    await buildRepository({ bundle: 'demo', backend: 'python', output: models, threads: 1 })
    await using one = await startTriton({ repository: models })
    await using two = await startTriton({ repository: models })
    const [a, b] = [endpoint(one), endpoint(two)]
    const straight = folder.join('one-server')
    expect((await reusing(straight, { backend: 'triton', triton: [a] })).error).toBeUndefined()
    const output = folder.join('two-servers')
    await stopAfter(output, 8, { backend: 'triton', triton: [a, b] })
    await stopAfter(output, 16, { backend: 'triton', triton: [b] })
    expect((await reusing(output, { backend: 'triton', triton: [a, b] })).error).toBeUndefined()
    expect(differences(outputs(output), outputs(straight))).toEqual([])
  })

  test('what one server has refused another computes once, for all that have it', async () => {
    const from = twice(folder.join('twice-served.fa'))
    const output = folder.join('refused-served')
    const whole = folder.join('not-refused')
    const here = { ...words(from, whole), backend: 'onnx' } as const
    await reusing(whole, here, undefined, from)
    {
      await using server = await startTriton({
        repository: await refusingRepository(folder.join('refusing')),
      })
      const { result } = await reusing(
        output,
        { ...words(from, output), backend: 'triton', triton: [endpoint(server)] },
        undefined,
        from,
      )
      expect(result?.failedParts).toBeGreaterThan(1)
    }
    const failed = readFileSync(join(output, 'reads_failed_frames.tsv'), 'utf8').trimEnd().split('\n')
    const last = await reusing(output, { ...words(from, output), backend: 'onnx' }, undefined, from)
    expect(last.result?.failedParts).toBe(0)
    expect(sum(computed(last.log).esm2)).toBe(0)
    expect(sum(computed(last.log).dnabert_s)).toBeLessThanOrEqual((failed.length - 1) / 2)
    expect(frames(output).map(([id]) => id)).toEqual(frames(whole).map(([id]) => id))
  })
})

test('a disk that is full of what is kept stops the run like any other, and nothing is lost', async () => {
  const output = folder.join('full')
  const script = join(import.meta.dir, 'windowed-run.ts')
  const overrides = JSON.stringify({ ...OPTIONS, windowFrames: WINDOW, keepIntermediate: false })
  const limited = spawnSync(
    'bash',
    [
      '-c',
      `trap '' XFSZ; ulimit -f 30; exec "$@"`,
      'bash',
      process.execPath,
      script,
      input,
      output,
      overrides,
    ],
    { cwd: repository, encoding: 'utf8' },
  )
  expect({ status: limited.status, said: limited.stderr }).toMatchObject({ status: 1 })
  expect(limited.stderr).toMatch(/error: cannot write \S*reused\.journal: /)
  expect(statSync(store(output)).size).toBeLessThanOrEqual(30 << 10)
  const { error } = await reusing(output, { keepIntermediate: false })
  expect(error).toBeUndefined()
  const tables = (files: Map<string, Buffer>) =>
    new Map([...files].filter(([name]) => /prediction_results|_results\//.test(name)))
  expect(differences(tables(outputs(output)), tables(expected))).toEqual([])
})

test('samples reuse what is their own, and go on each by itself', async () => {
  const samples = ['a', 'b', 'c'].map((name, i) => {
    const path = folder.join(`${name}.fa`)
    writeFileSync(path, recurringFasta(i < 2 ? 5 : 6, 40 + 10 * i))
    return { name, inputs: [path] }
  })
  const start = async (outputDir: string, signal?: AbortSignal) => {
    const asked = { bundle: 'demo', expectedLength: 300, threads: 1, outputDir }
    const all = samples.flatMap(({ inputs }) => inputs)
    const options = { ...(await completeOptions({ inputs: all, ...asked })), ...OPTIONS, outputDir }
    const lines: string[] = []
    const to = (message: string) => void lines.push(message)
    const logger = { debug: to, info: to, warn: to, error: to }
    try {
      await predictSamples(samples, options, { logger, windowFrames: WINDOW, ...(signal && { signal }) })
    } catch (error) {
      if (signal?.aborted !== true) throw error
    }
    return lines.join('\n')
  }
  const straight = folder.join('samples')
  const log = await start(straight)
  for (const { name } of samples) expect(log).toMatch(new RegExp(`${name}: .*reused from earlier windows`))
  const output = folder.join('samples-again')
  const work = (sample: string) => join(output, sample, '.virnucpro', sample, 'work')
  const done = (sample: string) =>
    existsSync(work(sample)) ? readdirSync(work(sample)).filter((name) => name.endsWith('.scores')).length : 0
  await start(
    output,
    stopWhen(() => done('a') > 1),
  )
  // The first part of b is computed again, in a window that it shares with a, which is finished.
  const manifest = join(output, 'a', '.virnucpro', 'a', 'run.json')
  await start(
    output,
    stopWhen(() => done('b') > 4 && readFileSync(manifest, 'utf8').includes('"status": "finished"')),
  )
  expect(done('b')).toBeGreaterThan(4)
  rmSync(join(work('b'), 'part_000001.scores'))
  await start(
    output,
    stopWhen(() => done('c') > 1),
  )
  await start(output)
  for (const { name } of samples)
    expect(differences(outputs(join(output, name)), outputs(join(straight, name)))).toEqual([])
})
