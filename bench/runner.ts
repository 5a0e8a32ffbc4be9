import { run } from 'mitata'

// Every bench imports mitata through this file, so that one variable decides how results are printed:
//   BENCHMARK_RUNNER=json bun bench/micro/translate.ts
export { bench, do_not_optimize, group, summary } from 'mitata'

/** Runs what has been declared. A failing body fails the bench: an empty result must not pass for a fast one. */
export async function runBenches(): Promise<void> {
  await run({ throw: true, ...(process.env.BENCHMARK_RUNNER === 'json' ? { format: 'json' } : {}) })
}

/** Prints one line about a result, unless the output is to be read by a program. */
export function note(text: string): void {
  if (process.env.BENCHMARK_RUNNER !== 'json') console.log(text)
}

/** Runs `body` a few times and returns the best wall-clock seconds, for figures such as MB/s. */
export function bestSeconds(body: () => void, rounds = 5): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < rounds; i++) {
    const start = performance.now()
    body()
    best = Math.min(best, (performance.now() - start) / 1000)
  }
  return best
}
