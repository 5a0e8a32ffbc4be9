import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readSummary, type Summary } from '../../src/report/index.ts'

/** One run of the program, seen from outside and by its own report. */
export interface Run {
  /** From the start of the process to its end. */
  readonly seconds: number
  /** Of all threads. */
  readonly cpuSeconds: number
  readonly peakMB: number
  /** Seconds that each stage was at work; stages overlap. */
  readonly stages: Readonly<Record<string, number>>
  /** Before the models get their first batch and after they gave the last: nothing can overlap with it. */
  readonly aloneSeconds: number
  /** Tokens computed, special ones included, padding not. */
  readonly tokens: { readonly esm2: number; readonly dnabert_s: number }
  readonly summary: Summary
}

export async function runPredict(
  main: string,
  input: string,
  bundle: string,
  output: string,
  more: readonly string[] = [],
): Promise<Run> {
  await rm(output, { recursive: true, force: true })
  const start = performance.now()
  const command = [process.execPath, main, 'predict', input, '--bundle', bundle, '-o', output]
  const child = Bun.spawn([...command, '--backend', 'onnx', '--quiet', '--no-progress', ...more], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const said = await new Response(child.stderr).text()
  const code = await child.exited
  const seconds = (performance.now() - start) / 1000
  if (code !== 0) throw new Error(`predict ended with ${code}: ${said}`)
  const usage = child.resourceUsage()!
  const files = await readdir(output, { recursive: true })
  const summary = await readSummary(join(output, files.find((file) => file.endsWith('summary.json'))!))
  await rm(output, { recursive: true, force: true })
  const models = summary.stages.filter(({ name }) => name === 'esm2' || name === 'dnabert_s')
  const first = Math.min(...models.map((stage) => stage.start))
  const last = Math.max(...models.map((stage) => stage.end))
  return {
    seconds,
    aloneSeconds: seconds - (last - first),
    cpuSeconds: Number(usage.cpuTime.total) / 1e6,
    peakMB: usage.maxRSS / 1e6,
    stages: Object.fromEntries(summary.stages.map(({ name, busySeconds }) => [name, busySeconds])),
    tokens: { esm2: summary.computed.esm2.tokens, dnabert_s: summary.computed.dnabert_s.tokens },
    summary,
  }
}
