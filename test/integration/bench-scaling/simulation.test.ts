import { describe, expect, test } from 'bun:test'
import { batchSeconds, constantSpeed, ESM2_3B } from '../../../bench/scaling/curve.ts'
import { type SimulatedServer, type Simulation, simulate } from '../../../bench/scaling/simulate.ts'
import { type PlannedWindow, TRITON_LIMITS, totals, workload } from '../../../bench/scaling/workload.ts'

/** Batches of one second each, and nothing but them takes time. */
const FREE: Omit<Simulation, 'servers'> = {
  curve: constantSpeed(1000),
  serverMs: 0,
  networkMs: 0,
  dimension: 1,
  client: { requestMs: 0, megabyteMs: 0, frameMs: 0 },
}

function equalBatches(count: number): PlannedWindow[] {
  const batches = Array.from({ length: count }, () => ({ rows: 10, paddedLength: 100, tokens: 1000 }))
  return [{ frames: 10 * count, batches }]
}

const run = (windows: readonly PlannedWindow[], servers: SimulatedServer[], more: Partial<Simulation> = {}) =>
  simulate(windows, { ...FREE, ...more, servers })

describe('the simulated scheduler', () => {
  test('equal batches on equal GPUs take as long as arithmetic says, and each GPU does its share', async () => {
    for (const servers of [[{ gpus: 4 }], [{ gpus: 1 }, { gpus: 1 }, { gpus: 1 }, { gpus: 1 }]]) {
      const { seconds, gpus, takenOver, answered } = await run(equalBatches(64), servers)
      expect(seconds).toBeCloseTo(16, 9)
      expect(gpus.map(({ batches }) => batches)).toEqual([16, 16, 16, 16])
      expect(takenOver).toBe(0)
      expect(answered).toEqual(new Array(64).fill(1))
    }
  })

  test('of two servers the one three times as fast does three times as much, and both end together', async () => {
    const { seconds, gpus, answered } = await run(equalBatches(80), [
      { gpus: 1, speed: 1 },
      { gpus: 1, speed: 3 },
    ])
    // 80 seconds of work at a speed of 4; the last batch of the slow one may take its second longer.
    expect(seconds).toBeGreaterThanOrEqual(20)
    expect(seconds).toBeLessThanOrEqual(21)
    expect(gpus[1]!.batches / gpus[0]!.batches).toBeCloseTo(3, 0)
    expect(answered).toEqual(new Array(80).fill(1))
  })

  test('the first batches go to all servers, not twice to the first', async () => {
    expect((await run(equalBatches(2), [{ gpus: 1 }, { gpus: 1 }])).seconds).toBeCloseTo(1, 9)
    expect((await run(equalBatches(8), [{ gpus: 4 }, { gpus: 4 }])).seconds).toBeCloseTo(1, 9)
  })

  test('a server that is a hundred times slower does not hold up the end: others take over what it has', async () => {
    const { seconds, takenOver, answered } = await run(equalBatches(20), [
      { gpus: 1, speed: 0.01 },
      { gpus: 1, speed: 1 },
    ])
    expect(takenOver).toBeGreaterThan(0)
    expect(seconds).toBeLessThan(24)
    expect(answered).toEqual(new Array(20).fill(1))
  })

  test('a client whose every request takes a quarter of a batch feeds four GPUs and no more', async () => {
    const client = { requestMs: 250, megabyteMs: 0, frameMs: 0 }
    const few = await run(equalBatches(400), [{ gpus: 2 }], { client })
    const many = await run(equalBatches(400), [{ gpus: 16 }], { client })
    expect(few.seconds).toBeLessThan(203)
    expect(few.clientBusy).toBeCloseTo(0.5, 1)
    expect(many.seconds).toBeGreaterThanOrEqual(100)
    expect(many.seconds).toBeLessThan(103)
    expect(many.clientBusy).toBeGreaterThan(0.97)
  })

  test('no work is lost or added, and a second run is the same', async () => {
    const windows = workload('mixed', 3, TRITON_LIMITS, 2000)
    const more = {
      curve: ESM2_3B,
      serverMs: 2,
      networkMs: 0.2,
      client: { requestMs: 1, megabyteMs: 1, frameMs: 0.01 },
    }
    const servers = [{ gpus: 4 }, { gpus: 4 }]
    const first = await run(windows, servers, more)
    const second = await run(windows, servers, more)
    const work = windows
      .flatMap(({ batches }) => batches)
      .reduce((sum, { rows, paddedLength }) => sum + batchSeconds(ESM2_3B, rows, paddedLength), 0)
    const busy = first.gpus.reduce((sum, gpu) => sum + gpu.busy / 1000, 0)
    expect(first.answered).toEqual(new Array(totals(windows).batches).fill(1))
    // What a second GPU took over is computed twice.
    if (first.takenOver === 0) expect(busy).toBeCloseTo(work, 6)
    else expect(busy).toBeGreaterThan(work)
    expect(second).toEqual(first)
  })
})

describe('the curve of a GPU', () => {
  test('goes through what was measured', () => {
    for (const { length, rows, tokensPerSecond } of ESM2_3B)
      expect((rows * length) / batchSeconds(ESM2_3B, rows, length)).toBeCloseTo(tokensPerSecond, 3)
  })

  test('more rows or longer rows take longer, and even one short row takes some time', () => {
    for (const length of [8, 51, 100, 168, 400]) {
      const times = [1, 10, 40, 100, 320, 1000].map((rows) => batchSeconds(ESM2_3B, rows, length))
      expect(times[0]).toBeGreaterThan(0.004)
      expect(times).toEqual([...times].sort((a, b) => a - b))
    }
  })
})

test('the load is planned as for a run: every frame once at most, within the budget, shrinking at the end', () => {
  const windows = workload('reads', 12, TRITON_LIMITS, 10_000)
  const [first, last] = [windows[0]!, windows.at(-1)!]
  const rows = (window: PlannedWindow) => window.batches.reduce((sum, batch) => sum + batch.rows, 0)
  expect(windows).toHaveLength(12)
  for (const window of windows) expect(rows(window)).toBeLessThanOrEqual(10_000)
  expect(rows(first)).toBeGreaterThan(9_900)
  for (const { rows, paddedLength } of windows.flatMap(({ batches }) => batches))
    expect(rows * paddedLength).toBeLessThanOrEqual(TRITON_LIMITS.tokenBudget)
  expect(last.batches.length).toBeGreaterThan(first.batches.length)
  expect(last.batches.at(-1)!.tokens).toBeLessThan(first.batches[0]!.tokens / 4)
})
