import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MetricsLine } from '../../../src/monitor/index.ts'
import { ModelStats } from '../../../src/monitor/run-stats.ts'
import type { Summary } from '../../../src/report/index.ts'
import { repository, succeed } from '../../support/cli.ts'

export const contigs = join(repository, 'examples', 'contigs.fasta')

/** Runs the demonstration models over some files, in chunks of 300 bases. */
export async function runDemo(
  output: string,
  inputs: readonly string[] = [contigs],
  ...options: readonly string[]
): Promise<void> {
  await succeed(
    'predict',
    ...inputs,
    '--output-dir',
    output,
    '--bundle',
    'demo',
    '--backend',
    'onnx',
    '--expected-length',
    '300',
    ...options,
  )
}

export async function summaryOf(report: string): Promise<Summary> {
  return JSON.parse(await readFile(join(report, 'summary.json'), 'utf8'))
}

/** Puts the samples of a long run, once interrupted, beside a report, as the monitor writes them. */
export async function addMetrics(report: string): Promise<void> {
  const summary = await summaryOf(report)
  const stages = [
    { name: 'reading', start: 0, end: 3900, busySeconds: 210 },
    { name: 'esm2', start: 5, end: 4180, busySeconds: 4150 },
    { name: 'tables', start: 4195, end: 4204, busySeconds: 9 },
  ]
  await writeFile(
    join(report, 'summary.json'),
    JSON.stringify({ ...summary, stages, files: { ...summary.files, metrics: 'metrics.jsonl' } }),
  )
  const lines = [...samples(120), ...samples(420)].map((line) => `${JSON.stringify(line)}\n`)
  await writeFile(join(report, 'metrics.jsonl'), lines.join(''))
}

const time = '2026-11-24T10:00:00.000Z'

function* samples(count: number): Generator<MetricsLine> {
  yield {
    kind: 'start',
    version: 1,
    time,
    program: '0.1.0',
    intervalSeconds: 10,
    backend: '',
    resumed: false,
  }
  const idle = new ModelStats().metrics
  for (let i = 1; i <= count; i++) {
    const work = (tokens: number) => ({ ...idle, tokens: tokens * i, paddedTokens: tokens * i })
    yield {
      kind: 'sample',
      time,
      seconds: 10 * i,
      frames: { prepared: 100 * i, done: 90 * i, known: 0 },
      models: { esm2: work(900_000), dnabert_s: work(400_000) },
      devices: [0, 1, 2, 3].map((gpu) => ({
        name: `gpu ${gpu} at node${gpu >> 1}:8001`,
        kind: 'gpu' as const,
        busy: 0.9 - 0.1 * gpu + 0.05 * Math.sin(i / 7 + gpu),
        memoryUsedBytes: 4e10 + gpu * 5e9,
      })),
      process: { rssBytes: Math.round(8e8 + 2e8 * Math.sin(i / 40)), cpuSeconds: i },
    }
  }
  yield {
    kind: 'warning',
    time,
    seconds: 10 * count,
    code: 'imbalance',
    message: 'gpu 3 at <node1>:8001 computes 24 % less than the others',
  }
}
