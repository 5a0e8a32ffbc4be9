/**
 * Spreads batches over workers so that the busiest has little more than its share: the largest first, each to the worker
 * with the least so far. At most a third above the best possible (Graham, "Bounds on multiprocessing timing
 * anomalies", 1969). Within a worker the order given is kept; ties go to the first.
 *
 * @returns one list for each worker, empty where there are more workers than batches
 */
export function balance<T extends { readonly tokens: number }>(
  batches: readonly T[],
  workers: number,
): T[][] {
  if (!Number.isSafeInteger(workers) || workers < 1) {
    throw new RangeError(`expected at least one worker, got ${workers}`)
  }
  const load = new Array<number>(workers).fill(0)
  const workerOf = new Array<number>(batches.length)
  const largestFirst = [...batches.entries()].sort(([, a], [, b]) => b.tokens - a.tokens)
  for (const [i, { tokens }] of largestFirst) {
    const worker = load.indexOf(Math.min(...load))
    workerOf[i] = worker
    load[worker]! += tokens
  }
  return load.map((_, worker) => batches.filter((_, i) => workerOf[i] === worker))
}
