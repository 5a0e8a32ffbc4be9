// Two servers of which one takes three times as long: what each of them does of a run, and how far apart they end.
// Every round connects anew, so that it knows as little about the servers as a run does. Needs scripts/test-triton.sh.
//   bun bench/triton/uneven.ts [--check] [--rounds 3] [--batches 300]
// With --check it exits with 1 when they end more than one batch of the slow one apart in any round.
import { parseArgs } from 'node:util'
import { temporaryFolder } from '../../scripts/support/temporary.ts'
import { drive, median, openBackend, readLog, startSleeping } from './sleeping.ts'

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    batches: { type: 'string', default: '300' },
  },
})
const ROUNDS = Number(values.rounds)
const BATCHES = Number(values.batches)
const DIMENSION = 64
const FAST_MS = 20
const SLOW_MS = 60
const TARGET = 1
const IDEAL_SECONDS = BATCHES / (1000 / FAST_MS + 1000 / SLOW_MS)

await using folder = temporaryFolder()
const options = [FAST_MS, SLOW_MS].map((sleepMs, mark) => {
  return { sleepMs, mark, instances: 1, dimension: DIMENSION, log: folder.join(`log-${mark}`) }
})
await using fast = await startSleeping(folder.join('fast'), options[0]!)
await using slow = await startSleeping(folder.join('slow'), options[1]!)

console.log(`${BATCHES} batches, servers with ${FAST_MS} and ${SLOW_MS} ms for a batch, one instance each`)
console.log(
  'Ends are counted in batches of the slow server: of the answers used, and of all work on the servers.',
)
console.log('round  fast  slow  done twice  apart (answers)  apart (servers)  share of ideal')
const apart: number[] = []
const shares: number[] = []
for (let round = 1; round <= ROUNDS; round++) {
  const worked = options.map(({ log }) => times(log).length)
  const done = [0, 0]
  const last = [0, 0]
  let seconds: number
  {
    await using backend = await openBackend([fast, slow], DIMENSION)
    seconds = await drive(backend, BATCHES, (mark) => {
      done[mark]!++
      last[mark] = performance.now()
    })
  }
  // What was cut short by the other server's answer is still computed to its end.
  await Bun.sleep(4 * SLOW_MS)
  const logs = options.map(({ log }, mark) => times(log).slice(worked[mark]))
  const answers = Math.abs(last[0]! - last[1]!) / SLOW_MS
  const servers = Math.abs(logs[0]!.at(-1)! - logs[1]!.at(-1)!) / SLOW_MS
  const twice = logs[0]!.length + logs[1]!.length - BATCHES
  apart.push(answers)
  shares.push(IDEAL_SECONDS / seconds)
  console.log(
    [
      [round, 5],
      [done[0]!, 4],
      [done[1]!, 4],
      [twice, 10],
      [answers.toFixed(2), 15],
      [servers.toFixed(2), 15],
      [(IDEAL_SECONDS / seconds).toFixed(4), 14],
    ]
      .map(([value, width]) => String(value).padStart(Number(width)))
      .join('  '),
  )
}
const worst = Math.max(...apart)
const met = worst <= TARGET
console.log(
  `\napart: median ${median(apart).toFixed(2)}, most ${worst.toFixed(2)} batches, target ${TARGET}: ${met ? 'met' : 'missed'}; ` +
    `share of ideal: median ${median(shares).toFixed(4)}`,
)
if (values.check && !met) process.exitCode = 1

function times(path: string): number[] {
  return readLog(path).map(({ end }) => end)
}
