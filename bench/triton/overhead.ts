// What the client costs: how much of the speed of 1 to 8 model instances is left when they are fed by it, its CPU
// time for a request, and the most it can do with a model that takes no time. Needs scripts/test-triton.sh.
//   bun bench/triton/overhead.ts [--check] [--dimension 64] [--rounds 3]
// With --check it exits with 1 when 8 instances reach less than 0.98 of their speed.
import { parseArgs } from 'node:util'
import { TritonClient } from 'tritonclient-ts'
import { temporaryFolder } from '../../scripts/support/temporary.ts'
import type { TritonServer } from '../../scripts/support/triton.ts'
import { drive, LENGTH, median, openBackend, ROWS, startSleeping } from './sleeping.ts'

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    dimension: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '3' },
  },
})
const DIMENSION = Number(values.dimension)
const ROUNDS = Number(values.rounds)
const SLEEP_MS = 50
const INSTANCES = [1, 2, 4, 8]
const REQUESTS_PER_INSTANCE = 120
const CEILING_REQUESTS = 3000
const CEILING_INSTANCES = [1, 2, 4]
const TARGET = 0.98
/** Both ways: token ids, lengths and embeddings. */
const REQUEST_MB = (4 * (ROWS * LENGTH + ROWS + ROWS * DIMENSION)) / 1e6

interface Figures {
  perSecond: number
  cpuMs: number
  /** What an instance was busy with a request, as the server counts it; what is above the sleep is not the client's. */
  busyMs: number
  /** Part of the time that the instances had something to do: what the client alone answers for. */
  busyShare: number
}

console.log(
  `batches of ${ROWS} x ${LENGTH} ids, embeddings of ${DIMENSION}, ${REQUEST_MB.toFixed(3)} MB both ways, median of ${ROUNDS} rounds`,
)
console.log(`\nA model that sleeps ${SLEEP_MS} ms`)
console.log(
  'instances  in flight  requests/s  share of ideal  lowest share  client CPU ms  instance busy ms  share of time busy',
)
let reached = 0
for (const instances of INSTANCES) {
  const { rounds, concurrency } = await measure(instances, SLEEP_MS, instances * REQUESTS_PER_INSTANCE)
  const ideal = instances / (SLEEP_MS / 1000)
  const perSecond = median(rounds.map((round) => round.perSecond))
  const lowest = Math.min(...rounds.map((round) => round.perSecond))
  reached = perSecond / ideal
  print([
    [instances, 9],
    [concurrency, 9],
    [perSecond.toFixed(2), 10],
    [reached.toFixed(4), 14],
    [(lowest / ideal).toFixed(4), 12],
    [median(rounds.map(({ cpuMs }) => cpuMs)).toFixed(2), 13],
    [median(rounds.map(({ busyMs }) => busyMs)).toFixed(2), 16],
    [median(rounds.map(({ busyShare }) => busyShare)).toFixed(4), 18],
  ])
}

console.log(
  '\nA model that takes no time: client and server share the machine, so that this is a lower bound',
)
console.log('instances  in flight  requests/s    MB/s  client CPU ms  one core of client alone, requests/s')
for (const instances of CEILING_INSTANCES) {
  const { rounds, concurrency } = await measure(instances, 0, CEILING_REQUESTS)
  const perSecond = median(rounds.map((round) => round.perSecond))
  const cpuMs = median(rounds.map((round) => round.cpuMs))
  print([
    [instances, 9],
    [concurrency, 9],
    [perSecond.toFixed(0), 10],
    [(perSecond * REQUEST_MB).toFixed(1), 6],
    [cpuMs.toFixed(2), 13],
    [(1000 / cpuMs).toFixed(0), 36],
  ])
}

const enough = reached >= TARGET
console.log(
  `\n8 instances: ${reached.toFixed(4)} of the ideal, target ${TARGET}: ${enough ? 'met' : 'missed'}`,
)
if (values.check && !enough) process.exitCode = 1

async function measure(
  instances: number,
  sleepMs: number,
  requests: number,
): Promise<{ rounds: Figures[]; concurrency: number }> {
  await using folder = temporaryFolder()
  await using server = await startSleeping(folder.path, { sleepMs, instances, dimension: DIMENSION })
  await using backend = await openBackend([server], DIMENSION)
  // Connections, compiled code and the server's shared memory are there before the first round.
  await drive(backend, Math.max(50, 4 * instances))
  const rounds: Figures[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const busy = await busyTime(server)
    const cpu = process.cpuUsage()
    const seconds = await drive(backend, requests)
    const { user, system } = process.cpuUsage(cpu)
    const after = await busyTime(server)
    rounds.push({
      perSecond: requests / seconds,
      cpuMs: (user + system) / 1000 / requests,
      busyMs: (after.ms - busy.ms) / (after.count - busy.count),
      busyShare: (after.ms - busy.ms) / (1000 * seconds * instances),
    })
  }
  return { rounds, concurrency: backend.concurrency }
}

/** Time that ESM-2's instances have spent on requests since the server was started. */
async function busyTime({ grpcUrl }: TritonServer): Promise<{ ms: number; count: number }> {
  const client = new TritonClient({ url: grpcUrl })
  try {
    const [model] = await client.modelStatistics('esm2')
    const { computeInput, computeInfer, computeOutput } = model?.inferenceStats ?? {}
    const ns = [computeInput, computeInfer, computeOutput].reduce((sum, each) => sum + (each?.ns ?? 0n), 0n)
    return { ms: Number(ns) / 1e6, count: Number(computeInfer?.count ?? 0n) }
  } finally {
    client.close()
  }
}

function print(cells: [value: string | number, width: number][]): void {
  console.log(cells.map(([value, width]) => String(value).padStart(width)).join('  '))
}
