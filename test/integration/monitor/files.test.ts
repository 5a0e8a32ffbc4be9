import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts } from '../../../scripts/support/triton.ts'
import { type MetricsEnd, type MetricsLine, readMetrics } from '../../../src/monitor/index.ts'
import { openMetrics } from '../../../src/monitor/openmetrics.ts'
import { ModelStats } from '../../../src/monitor/run-stats.ts'
import { heartbeat } from '../../../src/monitor/view/picture.ts'
import { repository, run, smallRun } from '../../e2e/predict/resume-support.ts'
import { resultOf, spawnCli } from '../../support/cli.ts'
import { startDisks } from '../../support/faults/disks.ts'
import { families } from './openmetrics.ts'

const folder = temporaryFolder()
let words: (output: string) => string[]
let messages = ''
const metrics = (output: string) => folder.join(output, 'reads_report/metrics.jsonl')

beforeAll(async () => {
  words = await smallRun(folder.join('in'))
  const ended = await run([...words(folder.join('out')), '--metrics-interval', '1'])
  expect(ended.code).toBe(0)
  messages = ended.messages
})
afterAll(() => folder[Symbol.asyncDispose]())

const kinds = (lines: readonly MetricsLine[]) => [...new Set(lines.map(({ kind }) => kind))]

test('what is written to a file holds no escape codes', () => {
  expect(messages).toContain('models: demo')
  expect(messages).not.toContain('\x1b')
  expect(messages).not.toContain('\r')
})

test('metrics.jsonl adds up to what the run did', async () => {
  const lines = await readMetrics(metrics('out'))
  expect(kinds(lines)).toEqual(['start', 'sample', 'end'])
  const sample = lines.findLast(({ kind }) => kind === 'sample')
  const end = lines.at(-1) as MetricsEnd
  const { frames } = JSON.parse(readFileSync(folder.join('out/reads_report/summary.json'), 'utf8')).counts
  expect(sample).toMatchObject({ frames: { prepared: frames, done: frames, known: 0 } })
  expect(end.outcome).toBe('finished')
  for (const model of [end.models.esm2, end.models.dnabert_s]) {
    expect(model.tokens).toBe(model.plannedTokens)
    expect(model.paddedTokens).toBeGreaterThanOrEqual(model.tokens)
    expect(model).toMatchObject({ inFlight: 0, waiting: 0 })
  }
  expect(end.stages.map(({ name }) => name)).toEqual([
    'reading',
    'dnabert_s',
    'esm2',
    'classifier',
    'checkpoint',
    'tables',
  ])
  for (const { start, end: over, busySeconds } of end.stages) {
    expect(busySeconds).toBeGreaterThan(0)
    expect(busySeconds).toBeLessThanOrEqual(over - start + 1e-3)
  }
  expect(end.process.peakRssBytes).toBeGreaterThan(50e6)
  expect(end.process.cpuSeconds).toBeGreaterThan(0.1)
})

test('metrics.prom is OpenMetrics with the last counts', async () => {
  const found = families(readFileSync(folder.join('out/reads_report/metrics.prom'), 'utf8'))
  const end = (await readMetrics(metrics('out'))).at(-1) as MetricsEnd
  const value = (name: string, model: string) =>
    found.get(name)?.samples.find(({ labels }) => labels.model === model)?.value
  expect(value('virnucpro_tokens', 'esm2')).toBe(end.models.esm2.tokens)
  expect(value('virnucpro_sequences', 'dnabert_s')).toBe(end.models.dnabert_s.sequences)
  expect(found.get('virnucpro_device_busy_ratio')?.samples[0]?.labels).toEqual({
    device: 'processor',
    kind: 'cpu',
  })
})

test('a continued run appends, and what a killed one left half written is passed over', async () => {
  const output = folder.join('continued')
  const path = metrics('continued')
  // A limit of 64 blocks ends the first run in the middle, as a full disk does.
  const first = await run([...words(output), '--no-report'], { shell: 'ulimit -f 64' })
  expect(first.code).not.toBe(0)
  const before = await readMetrics(path)
  expect(before.at(0)).toMatchObject({ kind: 'start', resumed: false })
  await appendFile(path, '{"kind":"sample","time":"20')
  expect((await run(words(output))).code).toBe(0)
  const lines = await readMetrics(path)
  expect(lines.slice(0, before.length)).toEqual(before)
  expect(lines[before.length]).toMatchObject({ kind: 'start', resumed: true })
  expect(lines.at(-1)).toMatchObject({ kind: 'end', outcome: 'finished' })
})

test('a line that is none of metrics is named', async () => {
  const path = folder.join('wrong.jsonl')
  await writeFile(path, '{"kind":"start","version":2}\n')
  await expect(readMetrics(path)).rejects.toThrow(`${path}, line 1: not a line of metrics of version 1`)
  expect(await readMetrics(folder.join('missing.jsonl'))).toEqual([])
})

test('--no-metrics and --no-report leave no folder; --force begins the files again', async () => {
  const output = folder.join('none')
  expect((await run([...words(output), '--no-metrics', '--no-report'])).code).toBe(0)
  expect(readdirSync(output)).not.toContain('reads_report')
  expect((await run([...words(folder.join('out')), '--force', '--no-metrics', '--no-report'])).code).toBe(0)
  expect(existsSync(metrics('out'))).toBe(false)
})

test('a file that cannot be written is a warning and no failure', async () => {
  const output = folder.join('blocked')
  const report = `${output}/reads_report`
  mkdirSync(report, { recursive: true })
  await using disks = await startDisks()
  await disks.mount('-t', 'tmpfs', '-o', 'ro', 'none', report)
  const { code, stderr } = await resultOf(
    spawnCli([...words(output), '--no-report'], { within: disks.within }),
  )
  expect(stderr.match(/warning: no metrics are written: cannot write .*metrics.jsonl/g)).toHaveLength(1)
  expect(code).toBe(0)
})

test('a port that is taken and addresses without servers are said before anything is computed', async () => {
  const { http: port } = await freePorts()
  using _other = Bun.serve({ port, hostname: '127.0.0.1', fetch: () => new Response('') })
  const taken = await run([...words(folder.join('port')), '--metrics-port', String(port)])
  expect(taken.code).toBe(69)
  expect(taken.messages).toContain(
    `cannot serve metrics at port ${port}: another program listens there. Choose another port with --metrics-port`,
  )
  expect(taken.messages).not.toContain('computed ')
  expect(existsSync(folder.join('port'))).toBe(false)
  const one = await run([...words(folder.join('address')), '--triton-metrics', 'http://localhost:8002'])
  expect(one.code).toBe(64)
  expect(one.messages).toContain('1 addresses for metrics and 0 servers')
  expect(one.messages).toContain('--triton-metrics')
})

test('a line of the log counts sequences of both models before the first part is done', () => {
  const model = { paddedTokens: 0, batches: 9, inFlight: 1, waiting: 5, plannedTokens: 90_000 }
  const status: Parameters<typeof heartbeat>[0] = {
    unit: 'frames',
    names: ['dnabert_s', 'esm2'],
    seconds: 30,
    frames: { prepared: 20_000, done: 0, known: 0, expected: 61_234 },
    inputRead: false,
    recheck: undefined,
    share: 0.3,
    allRead: false,
    models: {
      esm2: { ...model, sequences: 1234, tokens: 40_000 },
      dnabert_s: { ...model, sequences: 1300, tokens: 30_000 },
    },
    speeds: {
      esm2: { sequencesPerSecond: 41, tokensPerSecond: 1333 },
      dnabert_s: { sequencesPerSecond: 43, tokensPerSecond: 1000 },
    },
    tokensLeft: { esm2: 50_000, dnabert_s: 60_000 },
    secondsLeft: 5000,
    checkpointAgeSeconds: 1,
    devices: [],
    inFlight: new Map(),
  }
  const line = heartbeat(status)
  expect(line).toBe(
    'embedded sequences: DNABERT-S 1,300, ESM-2 1,234; 2.3k tokens/s; 0 of about 61,234 frames done, 20,000 read; ' +
      'about 83 min left',
  )
  expect(heartbeat({ ...status, samples: { done: 7, all: 100 } })).toBe(`7 of 100 samples done; ${line}`)
  const recheck = { done: 2000, all: 2700 }
  expect(heartbeat({ ...status, recheck, secondsLeft: 61 })).toBe(
    'all frames done; 2,000 of 2,700 frames rechecked; 2.3k tokens/s; about 61 s left',
  )
  // The others go on meanwhile.
  expect(heartbeat({ ...status, recheck, samples: { done: 7, all: 100 } })).toContain(line)
})

test('the dashboard and docs/reference/outputs.md name metrics that are written', () => {
  const model = {
    ...new ModelStats().metrics,
    ...{ sequences: 1, tokens: 2, paddedTokens: 3, batches: 1, plannedTokens: 2 },
  }
  const gpu = { memoryUsedBytes: 1, memoryTotalBytes: 2, temperatureCelsius: 60, powerWatts: 300 }
  const text = openMetrics(
    {
      kind: 'sample',
      time: '2026-11-24T00:00:00Z',
      seconds: 1,
      frames: { prepared: 1, done: 1, known: 0 },
      samples: { done: 1, all: 2 },
      recheck: { done: 1, all: 2 },
      models: { esm2: model, dnabert_s: model },
      devices: [
        { name: 'gpu "0"\\', kind: 'gpu', busy: 0.5, ...gpu, throttled: ['power'], sequencesPerSecond: 1e-7 },
      ],
      process: { rssBytes: 1, cpuSeconds: 1 },
      checkpointAgeSeconds: 1,
    },
    { program: '1', backend: 'two\nlines', warnings: new Map([['idle', 1]]), secondsLeft: 9 },
  )
  const found = families(text)
  expect(found.get('virnucpro_device_power_watts')?.samples[0]?.labels.device).toBe('gpu "0"\\')
  const written = [...found.values()].flatMap(({ samples }) => samples.map(({ name }) => name))
  const page = readFileSync(`${repository}/docs/reference/outputs.md`, 'utf8')
  expect([...new Set(written)].filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  const dashboard = readFileSync(`${repository}/docs/reference/grafana-dashboard.json`, 'utf8')
  const drawn = [...dashboard.matchAll(/virnucpro_[a-z_]+/g)].map(([name]) => name)
  expect(drawn.filter((name) => !written.includes(name))).toEqual([])
  expect(drawn.length).toBeGreaterThan(15)
})
