// Plans in the Python backend: how much of a GPU's time they use when the next request is taken in during a batch, beside
// the same code that answers in execute() (as it must before Triton 24.07), and how busy the server's statistics say it is.
// The GPU is a thread that takes a fixed time for a batch (scripts/support/gpu.ts): everything else is what a GPU gets, but the
// copies that a GPU would make itself are on this machine's cores too. Needs scripts/test-triton.sh and a C compiler.
//   bun bench/triton/overlap.ts [--rounds 3] [--seconds 8] [--in-flight 2,3,4]
import { parseArgs } from 'node:util'
import { writeGpuRepository } from '../../scripts/support/gpu.ts'
import { temporaryFolder } from '../../scripts/support/temporary.ts'
import { startTriton } from '../../scripts/support/triton.ts'
import { TritonClient } from '../../src/tritonclient/index.ts'
import { median } from './sleeping.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    'in-flight': { type: 'string', default: '2,3,4' },
  },
})
const ROUNDS = Number(values.rounds)
const SECONDS = Number(values.seconds)
const IN_FLIGHT = values['in-flight'].split(',').map(Number)

/** As measured on an H200: see docs/performance.md. */
const CASES = [
  { model: 'esm2', rows: 320, length: 51, width: 2560, milliseconds: 164 },
  { model: 'dnabert_s', rows: 1600, length: 40, width: 768, milliseconds: 34 },
] as const
type Case = (typeof CASES)[number]

await using folder = temporaryFolder()
const [esm2, dnabert_s] = CASES
await using waiting = await start('waiting', false)
await using overlapping = await start('overlapping', true)
const WAYS = [
  ['waits in execute()', new TritonClient({ url: waiting.grpcUrl, retry: false })],
  ['overlaps', new TritonClient({ url: overlapping.grpcUrl, retry: false })],
] as const

console.log(`${SECONDS} s each, median of ${ROUNDS} rounds, one after the other`)
console.log(
  'model      batch    ms  answer MB  in flight  answers             share of GPU time  lowest  counted busy',
)
for (const each of CASES) {
  for (const inFlight of IN_FLIGHT) {
    const figures = WAYS.map(() => [] as Figures[])
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, [, client]] of WAYS.entries()) figures[i]!.push(await load(client, each, inFlight))
    }
    for (const [i, [name]] of WAYS.entries()) {
      const shares = figures[i]!.map(({ share }) => share)
      console.log(
        [
          each.model.padEnd(9),
          `${each.rows}x${each.length}`.padStart(7),
          String(each.milliseconds).padStart(4),
          ((4 * each.rows * each.width) / 1e6).toFixed(1).padStart(9),
          String(inFlight).padStart(9),
          name.padEnd(18),
          median(shares).toFixed(3).padStart(18),
          Math.min(...shares)
            .toFixed(3)
            .padStart(6),
          median(figures[i]!.map(({ counted }) => counted))
            .toFixed(3)
            .padStart(12),
        ].join('  '),
      )
    }
  }
}
for (const [, client] of WAYS) client.close()

async function start(name: string, senders: boolean): ReturnType<typeof startTriton> {
  const { repository, env } = await writeGpuRepository(folder.join(name), { esm2, dnabert_s, senders })
  return await startTriton({ repository, env, models: CASES.map(({ model }) => model) })
}

interface Figures {
  /** Time of the batches done, as part of the time that passed. */
  share: number
  /** The same by `compute_infer` of the server's statistics. */
  counted: number
}

async function load(client: TritonClient, each: Case, inFlight: number): Promise<Figures> {
  const { model, rows, length, milliseconds } = each
  const request = {
    model,
    inputs: [
      {
        name: 'input_ids',
        datatype: 'INT32',
        shape: [rows, length],
        data: new Int32Array(rows * length).fill(5),
      },
      { name: 'lengths', datatype: 'INT32', shape: [rows], data: new Int32Array(rows).fill(length) },
    ],
    outputs: ['embedding'],
  } as const
  let answers = 0
  const before = await computed(client, model)
  const start = performance.now()
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() - start < 1000 * SECONDS) {
        ;(await client.infer(request)).output('embedding', 'FP32')
        answers++
      }
    }),
  )
  const took = performance.now() - start
  return {
    share: (answers * milliseconds) / took,
    counted: ((await computed(client, model)) - before) / took,
  }
}

/** Milliseconds that the server has counted as computing. */
async function computed(client: TritonClient, model: string): Promise<number> {
  const [found] = await client.modelStatistics(model)
  return Number(found?.inferenceStats?.computeInfer?.ns ?? 0n) / 1e6
}
