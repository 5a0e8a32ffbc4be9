// What the client costs: how much of the speed of 1 to 8 model instances is left when they are fed by it, its CPU
// time for a request, and the most it can do with a model that takes no time. Needs scripts/test-triton.sh.
//   bun bench/triton/overhead.ts [--quick] [--json FILE] [--check] [--dimension 64] [--rounds 3]
// With --check it exits with 1 when 8 instances reach less than 0.98 of their speed.
import { temporaryFolder } from '../../scripts/support/temporary.ts'
import { benchOptions, figuresOf, finish, type Result, summarize, timed } from '../result.ts'
import { busyMs, drive, LENGTH, openBackend, ROWS, startSleeping } from './sleeping.ts'

const options = benchOptions('bun bench/triton/overhead.ts', {
  check: { type: 'boolean' },
  dimension: { type: 'string' },
  rounds: { type: 'string' },
})
const dimension = Number(options.dimension ?? 64)
const rounds = options.quick ? 1 : Number(options.rounds ?? 3)
const SLEEP_MS = 50
const REQUESTS_PER_INSTANCE = options.quick ? 5 : 120
const CEILING_REQUESTS = options.quick ? 50 : 3000
const TARGET = 0.98
/** Both ways: token ids, lengths and embeddings. */
const REQUEST_MB = (4 * (ROWS * LENGTH + ROWS + ROWS * dimension)) / 1e6

const results: Result[] = []
let reached = 0
for (const instances of [1, 2, 4, 8]) {
  const name = `${instances} × ${SLEEP_MS} ms`
  const found = await measure(instances, SLEEP_MS, instances * REQUESTS_PER_INSTANCE)
  const speeds = found.map(({ perSecond }) => perSecond)
  const ideal = { name: 'ideal', values: found.map(() => (1000 * instances) / SLEEP_MS) }
  const speed = summarize({ name, unit: 'requests/s', better: 'higher' }, speeds, ideal)
  reached = speed.value / ideal.values[0]!
  const of = figuresOf(name, found)
  results.push(
    speed,
    of('client CPU for a request', 'ms', 'lower', ({ cpuMs }) => cpuMs),
    of('instances busy', '%', 'higher', ({ busyShare }) => 100 * busyShare),
  )
}
// Client and server share the machine: a lower bound.
for (const instances of [1, 2, 4]) {
  const name = `${instances} × no time`
  const found = await measure(instances, 0, CEILING_REQUESTS)
  const of = figuresOf(name, found)
  results.push(
    summarize(
      { name, unit: 'requests/s', better: 'higher' },
      found.map(({ perSecond }) => perSecond),
    ),
    of('both ways', 'MB/s', 'higher', ({ perSecond }) => perSecond * REQUEST_MB),
    of('client CPU for a request', 'ms', 'lower', ({ cpuMs }) => cpuMs),
  )
}
await finish('triton/overhead', options, { dimension, rounds, rows: ROWS, length: LENGTH }, results)
if (options.check && reached < TARGET) {
  console.log(`missed: 8 instances: ${reached.toFixed(4)} of the ideal, target ${TARGET}`)
  process.exitCode = 1
}

interface Round {
  readonly perSecond: number
  readonly cpuMs: number
  /** Part of the time that the instances had something to do: what the client alone answers for. */
  readonly busyShare: number
}

async function measure(instances: number, sleepMs: number, requests: number): Promise<Round[]> {
  await using folder = temporaryFolder()
  await using server = await startSleeping(folder.path, { sleepMs, instances, dimension })
  await using backend = await openBackend([server], dimension)
  // Connections, compiled code and the server's shared memory are there before the first round.
  await drive(backend, Math.max(50, 4 * instances))
  const found: Round[] = []
  for (let round = 0; round < rounds; round++) {
    const before = await busyMs(server.grpcUrl, 'esm2')
    const { seconds, cpuSeconds } = await timed(() => drive(backend, requests))
    const busy = (await busyMs(server.grpcUrl, 'esm2')) - before
    found.push({
      perSecond: requests / seconds,
      cpuMs: (1000 * cpuSeconds) / requests,
      busyShare: busy / (1000 * seconds * instances),
    })
  }
  return found
}
