import { measure } from 'mitata'
import { benchPython, NO_PYTHON, PythonWorker } from '../python.ts'
import { type BenchOptions, finish, type Result, summarize } from '../result.ts'

/** One piece of work, and the plain way to do the same. */
export interface Case {
  readonly name: string
  /** What one run does, in units of `unit` times seconds: 8 for 8 MB with `MB/s`. */
  readonly amount: number
  readonly unit: string
  /** Does the work; gives a number that the other way must give too, so that both do the same. */
  readonly ours: () => number | Promise<number>
  readonly other?: {
    readonly name: string
    /** For alternatives.py, which answers with the seconds of one run and its own `check`. */
    readonly question: { readonly task: string; readonly [key: string]: unknown }
    /** Share of the amount that is enough for a rate, where the other way is slow. @default 1 */
    readonly share?: number
    /** What `check` must be. @default what `ours` gives */
    readonly check?: number
  }
  readonly note?: string
}

const ROUNDS = 5

/** Runs all cases, our side and the other in turn, and gives the medians; on one thread. */
export async function runCases(
  bench: string,
  options: BenchOptions,
  settings: Record<string, string | number>,
  cases: readonly Case[],
): Promise<void> {
  const python = benchPython()
  if (python === undefined) console.error(`nothing to compare with: ${NO_PYTHON}`)
  await using worker =
    python === undefined ? undefined : PythonWorker.start(python, 'micro/alternatives.py', 1)
  const rounds = options.quick ? 1 : ROUNDS
  const results: Result[] = []
  for (const each of cases) results.push(await runCase(each, rounds, options.quick, worker))
  await finish(bench, options, { ...settings, rounds }, results)
}

async function runCase(
  { name, amount, unit, ours, other, note }: Case,
  rounds: number,
  quick: boolean,
  worker: PythonWorker | undefined,
): Promise<Result> {
  const expected = other?.check ?? (await ours())
  const rates: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    rates.push(amount / (await secondsOf(ours, quick)))
    if (worker === undefined || other === undefined) continue
    const { seconds, check } = await worker.ask<{ seconds: number; check: number }>({
      ...other.question,
      seconds: quick ? 0 : 0.3,
    })
    if (check !== expected) throw new Error(`${name}: ${other.name} gives ${check} instead of ${expected}`)
    theirs.push((amount * (other.share ?? 1)) / seconds)
  }
  const alternatives = theirs.length > 0 ? [{ name: other!.name, values: theirs }] : []
  return summarize({ name, unit, better: 'higher' }, rates, alternatives, note)
}

/** The median of mitata's samples. */
async function secondsOf(body: () => number | Promise<number>, quick: boolean): Promise<number> {
  const { p50 } = await measure(body, {
    min_cpu_time: quick ? 1e6 : 3e8,
    min_samples: quick ? 2 : 5,
    warmup_samples: quick ? 0 : 2,
  })
  return p50 / 1e9
}
