/**
 * Runs small inputs in ways that are drawn, and compares their results: number of servers, order of answers, refusals, interruptions,
 * sources, budgets, parts, windows, reuse, samples, shards. A failure is printed with the seed that repeats it.
 * Usage: bun test/e2e/exactness/run.ts [--seconds N] [--seed S [--path P]] [--record]
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { draws } from './draws.ts'
import { ExactServers, quantizedBundle } from './servers.ts'
import { compareWays, newTally } from './ways.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string' },
    path: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
})
const RECORD = join(import.meta.dir, '../../reliability/records/exactness.json')
const seconds = Number(values.seconds)
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))

await using servers = await ExactServers.start([1, 2, 1, 3])
await using folder = temporaryFolder()
const quantized = await quantizedBundle(folder.path)
const tally = newTally()
const end = performance.now() + seconds * 1000
let told = performance.now()
const property = fc.asyncProperty(draws, async (draw) => {
  if (performance.now() > end) return
  await compareWays(draw, { servers, quantized }, tally)
  if (performance.now() - told < 30_000) return
  told = performance.now()
  console.error(JSON.stringify(tally))
})
console.error(`seed ${seed}`)
const details = await fc.check(property, {
  numRuns: 1_000_000,
  seed,
  ...(values.path === undefined ? {} : { path: values.path }),
})
const { failed } = details
const error = failed ? `${fc.defaultReportMessage(details)}\n${details.errorInstance}` : undefined
if (failed) console.error(error)
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dir, encoding: 'utf8' })
const record = {
  date: new Date().toISOString().slice(0, 10),
  commit: commit.stdout?.trim(),
  seconds,
  seed,
  hardware: `${cpus()[0]?.model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  ...tally,
  differences: failed ? [error] : [],
}
console.log(JSON.stringify(record, undefined, 2))
if (values.record && !failed) {
  mkdirSync(dirname(RECORD), { recursive: true })
  writeFileSync(RECORD, `${JSON.stringify(record, undefined, 2)}\n`)
}
process.exitCode = failed ? 1 : 0
