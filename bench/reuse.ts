// What reuse over the whole run gains and costs: whole runs of `predict` with and without it, in turn, over reads of a deep
// sample and over reads that hardly recur. The models compute nothing (bench/pipeline/bundle.ts), so that what a run takes is the
// program's own part; what the models would compute is counted. And what keeps the embeddings, beside SQLite.
//   bun bench/reuse.ts [--quick] [--json FILE] [--record FILE] [--reads 60000] [--rounds 5] [--check]
// With --check it exits with 1 when reuse costs 1 % or more where nothing is gained.
//
// The deep sample has twice as many reads, of 75 bases: half are amplicons, 300 targets whose copies differ by a factor of 1,000; the
// other half come from random places of either strand of 40 virus-like genomes of 3 to 30 kb, whose abundance falls as 1 / rank.
// One base in 1,000 is read wrong. It is run once each way: what is computed depends on the reads alone. The other sample:
// reads of 300 bases from random places of a genome of 40 Mb. bench/dna.ts makes the genomes.
import { Database } from 'bun:sqlite'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { withFolder } from '../scripts/support/temporary.ts'
import { VectorStore } from '../src/checkpoint/vector-store.ts'
import type { Part } from '../src/predict/part.ts'
import { partsAgain } from '../src/predict/prepare.ts'
import { findRecurring, type Recurs } from '../src/predict/recurring.ts'
import { Reuse } from '../src/predict/reuse.ts'
import { completeOptions } from '../src/settings/index.ts'
import { codingDna, cutReads, seededRandom } from './dna.ts'
import { makeIdleBundle } from './pipeline/bundle.ts'
import { type Run, runPredict } from './pipeline/run.ts'
import { benchOptions, finish, type Result, single, summarize, timed } from './result.ts'

/** Tokens a second of ESM-2 3B on one H200 in FP16: see docs/reference/performance.md. */
const TOKENS_PER_SECOND = 107_100
const GOAL = 1
const READ = 300
const DEEP_READ = 75
const ERRORS = 1 / 1000
const WIDTH = 2560

const options = benchOptions('bun bench/reuse.ts', {
  reads: { type: 'string' },
  rounds: { type: 'string' },
  check: { type: 'boolean' },
})
const reads = Number(options.reads ?? (options.quick ? 15_000 : 60_000))
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5))
const main = resolve(import.meta.dir, '../src/cli/main.ts')

/** Reads with the errors of a sequencer. */
function* deepReads(count: number): Generator<Uint8Array> {
  const random = seededRandom(11)
  const amplicons = Array.from({ length: 300 }, (_, i) => codingDna(DEEP_READ, 1000 + i))
  const copies = amplicons.map(() => 10 ** (3 * random()))
  const genomes = Array.from({ length: 40 }, (_, i) =>
    codingDna(3000 + Math.floor(27_000 * random()), 2000 + i),
  )
  const share = genomes.map((_, rank) => 1 / (rank + 1))
  const pickOf = (weights: readonly number[]) => {
    let left = random() * weights.reduce((sum, weight) => sum + weight, 0)
    return weights.findIndex((weight) => {
      left -= weight
      return left < 0
    })
  }
  for (let i = 0; i < count; i++) {
    const [read] =
      random() < 0.5
        ? [amplicons[pickOf(copies)]!.slice()]
        : [...cutReads(genomes[pickOf(share)]!, 1, DEEP_READ, i + 1)]
    for (let at = 0; at < DEEP_READ; at++) if (random() < ERRORS) read![at] = 'ACGT'.charCodeAt(4 * random())
    yield read!
  }
}

async function writeReads(path: string, all: Iterable<Uint8Array>): Promise<void> {
  const file = Bun.file(path).writer()
  let number = 0
  for (const read of all) file.write(`>read_${++number}\n${Buffer.from(read)}\n`)
  await file.end()
}

interface Pair {
  on: Run[]
  off: Run[]
}

/** Both in turn, so that what slows the machine slows both. */
async function measure(rounds: number, input: string, bundle: string, output: string): Promise<Pair> {
  const runs: Pair = { on: [], off: [] }
  for (let round = 0; round < rounds; round++) {
    runs.off.push(await runPredict(main, input, bundle, output, ['--reuse-disk', '0']))
    runs.on.push(await runPredict(main, input, bundle, output))
  }
  return runs
}

/** Share of the sequences of all frames that ESM-2 computes, in %. */
function computedShare({ summary: { computed, counts } }: Run): number {
  return (100 * computed.esm2.sequences) / counts.frames
}

function resultsOf(name: string, { on, off }: Pair): Result[] {
  const measure = (what: string, unit: string, value: (run: Run) => number) =>
    summarize({ name: `${name}.${what}`, unit, better: 'lower' }, on.map(value), {
      name: 'windows by themselves',
      values: off.map(value),
    })
  return [
    measure('computed-share', '%', computedShare),
    measure('tokens', 'tokens', ({ tokens }) => tokens.esm2),
    measure('client', 'CPU s', ({ cpuSeconds }) => cpuSeconds),
    measure('memory', 'MB', ({ peakMB }) => peakMB),
  ]
}

/**
 * CPU seconds of what reuse adds where nothing comes again, the first look and the claims of every window, in % of what the models
 * take. The difference of whole runs, above, has it too, and all that else goes on in the machine.
 */
async function cost(input: string, folder: string): Promise<Result> {
  const options = await completeOptions({ inputs: [input] })
  const { signal } = new AbortController()
  const parts = () => partsAgain(options, folder, signal)
  const inputs = [
    { model: 'dnabert_s', sequences: ({ nucleotides }: Part) => nucleotides },
    { model: 'esm2', sequences: ({ proteins }: Part) => proteins },
  ] as const
  const shares: number[] = []
  for (let round = 0; round < rounds; round++) {
    let recurs: Recurs = () => true
    let spent = 0
    const add = async (work: () => Promise<unknown>) => {
      spent += (await timed(work)).cpuSeconds
    }
    await add(async () => {
      recurs = await findRecurring(parts(), inputs)
    })
    const look = async () => recurs
    await using reuse = new Reuse({ widthOf: () => WIDTH, limit: 10e9, findRecurring: look })
    let tokens = 0
    for await (const part of parts()) {
      tokens += part.proteins.reduce((sum, { length }) => sum + length + 2, 0)
      const turn = reuse.begin(false)
      for (const { model, sequences } of inputs) {
        // Those that a window has anyway.
        const keys = new Map(sequences(part).map((each) => [Bun.SHA256.hash(each, 'hex'), each]))
        const digests = Array.from(keys.keys(), (hex) => new Uint8Array(Buffer.from(hex, 'hex')))
        await add(() => turn.claim(model, digests))
      }
      turn.end()
    }
    shares.push((100 * spent) / (tokens / TOKENS_PER_SECOND))
  }
  const note =
    'processor seconds of the first look and the claims, beside the seconds of ESM-2 3B on one H200'
  return summarize({ name: 'unique.cost', unit: '%', better: 'lower' }, shares, [], note)
}

/** Embeddings of ESM-2 written one by one, and read in another order. */
async function stores(folder: string): Promise<Result[]> {
  const count = options.quick ? 500 : 20_000
  const random = seededRandom(3)
  const vector = Float32Array.from({ length: WIDTH }, random)
  const keys = Array.from(
    { length: count },
    (_, i) => new Uint8Array(new Bun.CryptoHasher('sha256').update(String(i)).digest()),
  )
  const mixed = keys.toSorted((a, b) => Buffer.compare(a, b))
  const megabytes = (count * WIDTH * 4) / 1e6
  const journal: { write: number[]; read: number[] } = { write: [], read: [] }
  const sqlite: typeof journal = { write: [], read: [] }
  for (let round = 0; round < rounds; round++) {
    const path = join(folder, `store-${round}`)
    {
      await using store = await VectorStore.open(path, 'bench')
      const write = async () => {
        for (const key of keys) store.put('esm2', key, vector)
      }
      const read = async () => {
        for (let from = 0; from < count; from += 64)
          await Promise.all(mixed.slice(from, from + 64).map((key) => store.find('esm2', key)))
      }
      journal.write.push(megabytes / (await timed(write)).cpuSeconds)
      journal.read.push(megabytes / (await timed(read)).cpuSeconds)
    }
    await rm(path)
    const file = `${path}.sqlite`
    {
      using base = new Database(file)
      base.run('PRAGMA journal_mode = WAL')
      base.run('CREATE TABLE vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID')
      const insert = base.query('INSERT INTO vectors VALUES (?, ?)')
      const select = base.query('SELECT vector FROM vectors WHERE key = ?')
      const bytes = new Uint8Array(vector.buffer)
      // As many at once as a window has.
      const some = base.transaction((from: number) => {
        for (const key of keys.slice(from, from + 1000)) insert.run(key, bytes)
      })
      const write = async () => {
        for (let from = 0; from < count; from += 1000) some(from)
      }
      const read = async () => {
        for (const key of mixed) select.get(key)
      }
      sqlite.write.push(megabytes / (await timed(write)).cpuSeconds)
      sqlite.read.push(megabytes / (await timed(read)).cpuSeconds)
    }
    for (const end of ['', '-wal', '-shm']) await rm(file + end, { force: true })
  }
  return (['write', 'read'] as const).map((what) =>
    summarize({ name: `store.${what}`, unit: 'MB/CPU s', better: 'higher' }, journal[what], {
      name: 'SQLite',
      values: sqlite[what],
    }),
  )
}

const missed: string[] = []
const results = await withFolder(async (folder): Promise<Result[]> => {
  const bundle = await makeIdleBundle(join(folder, 'bundle'))
  const output = join(folder, 'out')
  const deepInput = join(folder, 'deep.fa')
  await writeReads(deepInput, deepReads(2 * reads))
  const deep = await measure(1, deepInput, bundle, output)
  const input = join(folder, 'unique.fa')
  await writeReads(input, cutReads(codingDna(40_000_000, 1), reads, READ, 5))
  const unique = await measure(rounds, input, bundle, output)
  const costs = await cost(input, folder)
  if (!(costs.value < GOAL)) missed.push(`${costs.value.toFixed(2)} % of the time, goal ${GOAL} %`)
  return [
    single('deep.frames', '', 'higher', deep.on[0]!.summary.counts.frames),
    ...resultsOf('deep', deep),
    single('unique.frames', '', 'higher', unique.on[0]!.summary.counts.frames),
    ...resultsOf('unique', unique),
    costs,
    ...(await stores(folder)),
  ]
})
await finish('reuse', options, { reads, rounds }, results)
if (options.check && !options.quick) {
  for (const line of missed) console.error(`missed: ${line}`)
  process.exitCode = missed.length === 0 ? 0 : 1
}
