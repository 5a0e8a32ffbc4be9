import type { BenchDocument, Result } from '../../../bench/result.ts'

/** A figure whose rounds lay this share around the median. */
export function figure(
  name: string,
  value: number,
  spread = 0.01,
  better: Result['better'] = 'higher',
): Result {
  const unit = better === 'higher' ? 'MB/s' : 's'
  return { name, unit, better, value, low: value * (1 - spread), high: value * (1 + spread), rounds: 5 }
}

export function documentOf(results: readonly Result[], changes: Partial<BenchDocument> = {}): BenchDocument {
  return {
    format: 'virnucpro-bench',
    version: 1,
    bench: 'micro/fasta',
    date: '2026-11-24T00:00:00.000Z',
    program: '0.1.0',
    machine: { cpu: 'a processor', cores: 2, memoryGB: 24, gpus: [], bun: '1.4.5', platform: 'linux x64' },
    settings: { quick: false, bases: 1000 },
    results,
    ...changes,
  }
}

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a program of the project with the Bun of this test. */
export async function runBun(
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const child = Bun.spawn([process.execPath, file, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, ...env },
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}
