import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { hasTriton } from '../../scripts/support/triton.ts'
import { verdictOn } from './flat.ts'
import type { SoakReport } from './soak.ts'

setDefaultTimeout(900_000)

test.skipIf(!hasTriton)(
  'a minute with a fault every five seconds: right outputs, and nothing is left',
  async () => {
    const options = '--minutes 1 --seed 1 --fault-every 5 --faults-per-sample 6 --json'.split(' ')
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'run.ts'), ...options], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, log] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    if (out === '') throw new Error(log)
    const { differences, notFlat, leftOver, ...report } = JSON.parse(out) as SoakReport
    const found = { differences, notFlat, leftOver }
    if (Object.values(found).flat().length > 0) console.error(log)
    expect(found).toEqual({ differences: [], notFlat: [], leftOver: [] })
    expect(Object.keys(report.faults).length).toBeGreaterThanOrEqual(8)
    expect(report.outputsCompared).toBeGreaterThan(1000)
    expect(report.libraryIterations).toBeGreaterThan(0)
    expect(await child.exited).toBe(0)
  },
)

test('what grows is seen, and one bad sample decides nothing', () => {
  const flat = Array.from({ length: 60 }, (_, i) => 100 + (i % 3))
  expect(verdictOn(flat, { share: 0.1, least: 0 }).isFlat).toBe(true)
  expect(verdictOn([...flat.slice(0, -1), 9999], { share: 0.1, least: 0 })).toMatchObject({
    isFlat: true,
    peak: 9999,
  })
  const growing = flat.map((value, i) => value + i)
  expect(verdictOn(growing, { share: 0.1, least: 0 })).toMatchObject({
    isFlat: false,
    first: 110.5,
    last: 150.5,
  })
  expect(verdictOn([3, 3, 4], { share: 0, least: 0 }).isFlat).toBe(false)
})
