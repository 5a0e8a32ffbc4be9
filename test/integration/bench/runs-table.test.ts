import { expect, test } from 'bun:test'
import { resolve } from 'node:path'
import { readFigures } from '../../../bench/figures.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { runBun } from './support.ts'

const TABLE = resolve(import.meta.dir, '../../../bench/gpu/runs-table.ts')

/** A run of so many seconds, of which it computes all but two. */
function summary(seconds: number, rechecked?: number) {
  const computed = { tokens: 1000, paddedTokens: 1250, sequences: 10 }
  const models = { start: 1, end: seconds - 1, busySeconds: seconds - 2 }
  return {
    time: { seconds },
    counts: { records: 20, frames: 50 },
    computed: { esm2: computed, dnabert_s: computed },
    stages: ['esm2', 'dnabert_s'].map((name) => ({ name, ...models })),
    ...(rechecked !== undefined && { recheck: { rechecked, audited: 1 } }),
  }
}

test('runs are compared round by round, and their medians go on record', async () => {
  await using folder = temporaryFolder()
  const runs = { 'a-1': summary(12), 'a-2': summary(22), 'b-1': summary(7, 5), 'b-2': summary(12, 5) }
  for (const [name, content] of Object.entries(runs))
    await Bun.write(folder.join(`summary-x-${name}.json`), JSON.stringify(content))
  await Bun.write(folder.join('busy-x-b-1.jsonl'), '{"gpu": "0", "busy": 0.9}\n{"gpu": "1", "busy": 0.8}\n')
  const record = folder.join('figures.json')
  const words = [folder.path, 'a', 'b', '--prefix', 'x-', '--compare', '--record', record]
  const named = ['--name', 'predict.x', '--command', 'bench/gpu/x.sh']
  const { code, out } = await runBun(TABLE, [...words, ...named], { BENCH_COMMIT: '88db2b4' })
  expect(code).toBe(0)
  expect(out).toContain('b against a: 100.00 % more tok/s of ESM-2, 1.789 times as fast')
  expect(out).toMatch(/esm2 padding % +20\.0/)
  const figures = new Map((await readFigures(record)).map((each) => [each.name, each]))
  expect(figures.get('predict.x.a.seconds')).toMatchObject({ value: 17, low: 12, high: 22, rounds: 2 })
  expect(figures.get('predict.x.b.over-a')).toMatchObject({ value: 2, unit: 'x', commit: '88db2b4' })
  expect(figures.get('predict.x.b.rechecked')?.value).toBe(10)
  expect(figures.get('predict.x.b.busy')?.value).toBeCloseTo(85, 9)
})

test('a run that has not ended is named', async () => {
  await using folder = temporaryFolder()
  const { code, err } = await runBun(TABLE, [folder.path, 'fp8'])
  expect(err).toContain('no run fp8 has ended')
  expect(code).toBe(2)
})
