import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { differences, filesIn } from '../support/files.ts'

/** A command line, given again until it succeeds. */
export interface Step {
  readonly words: readonly string[]
  /** A file that comes in through standard input. */
  readonly stdin?: string
}

/** What commands are told about the stage. */
export interface Places {
  /** Addresses of the two servers that are killed now and then, and of the one that stays. */
  readonly pair: string
  readonly steady: string
  readonly bundle: string
  /** Models in INT8 with their partner. */
  readonly quantized: string
  readonly repository: string
  readonly serverBin: string
}

export interface Job {
  readonly kind: string
  /** How often it is drawn, in comparison with the others. */
  readonly weight: number
  /** The folder holds `in.fa`; everything that is made lies in it. */
  steps(folder: string, places: Places): Step[]
}

const CUT = '-e 300 --sequences-per-file 60 --token-budget 1024 --keep-intermediate --no-progress'.split(' ')

function predict(input: string, output: string, bundle: string, ...more: string[]): Step {
  return { words: ['predict', input, '--output-dir', output, '--bundle', bundle, ...CUT, ...more] }
}

function embed(folder: string, file: string, bundle: string, ...more: string[]): Step {
  const words = ['embed', join(folder, 'in.fa'), '--output', join(folder, file), '--bundle', bundle]
  return { words: [...words, '-e', '300', '--token-budget', '1024', '--no-progress', ...more] }
}

/** The digits of a score depend on the batch that it was computed in, not on the server: each job is equal to itself. */
export const JOBS: readonly Job[] = [
  {
    kind: 'predict on servers',
    weight: 5,
    steps: (folder, { pair, bundle }) => [
      predict(join(folder, 'in.fa'), join(folder, 'out'), bundle, '--triton', pair),
    ],
  },
  {
    kind: 'predict on one server, from a pipe',
    weight: 2,
    steps: (folder, { steady, bundle }) => [
      {
        ...predict('-', join(folder, 'out'), bundle, '--prefix', 'in', '--triton', steady),
        stdin: join(folder, 'in.fa'),
      },
    ],
  },
  {
    kind: 'predict on servers that it finds',
    weight: 2,
    steps: (folder, { bundle }) => [
      predict(join(folder, 'in.fa'), join(folder, 'out'), bundle, '--backend', 'triton'),
    ],
  },
  {
    kind: 'predict in this process',
    weight: 3,
    steps: (folder, { bundle }) => [
      predict(join(folder, 'in.fa'), join(folder, 'out'), bundle, '--backend', 'onnx', '--threads', '1'),
    ],
  },
  {
    kind: 'predict with a server that is kept',
    weight: 1,
    steps: (folder, { bundle, repository, serverBin }) => [
      predict(
        join(folder, 'in.fa'),
        join(folder, 'out'),
        bundle,
        ...['--backend', 'triton', '--repository', repository, '--server-bin', serverBin],
        ...['--keep-server', '2s'],
      ),
    ],
  },
  {
    kind: 'predict with a recheck',
    weight: 1,
    steps: (folder, { quantized }) => [
      predict(
        join(folder, 'in.fa'),
        join(folder, 'out'),
        quantized,
        ...['--backend', 'onnx', '--threads', '1', '--recheck', 'on', '--any-length'],
      ),
    ],
  },
  {
    kind: 'samples',
    weight: 2,
    steps: (folder, { pair, steady, bundle }) => [
      {
        words: [
          ...['predict', '--sample-sheet', join(folder, 'sheet.csv'), '--output-dir', join(folder, 'out')],
          ...['--bundle', bundle, ...CUT, '--triton', `${pair},${steady}`],
        ],
      },
    ],
  },
  {
    kind: 'embed',
    weight: 2,
    steps: (folder, { pair, bundle }) => [
      embed(folder, 'out.parquet', bundle, '--triton', pair),
      embed(folder, 'out.safetensors', bundle, '--of', 'chunks', '--backend', 'onnx', '--threads', '1'),
    ],
  },
  {
    kind: 'shard and merge',
    weight: 2,
    steps: (folder, { pair, bundle }) => [
      {
        words: [
          ...['shard', join(folder, 'in.fa'), '--shards', '2', '--output-dir', join(folder, 'shards')],
          '--force',
        ],
      },
      ...[1, 2].map((n) =>
        predict(
          join(folder, 'shards', `in_shard_000${n}.fasta`),
          join(folder, `run-${n}`),
          bundle,
          ...(n === 1 ? ['--triton', pair] : ['--backend', 'onnx', '--threads', '1']),
        ),
      ),
      {
        words: [
          ...['merge', join(folder, 'run-1'), join(folder, 'run-2'), '--output-dir', join(folder, 'out')],
          ...['--manifest', join(folder, 'shards', 'shards.json')],
        ],
      },
    ],
  },
]

/** States and reports hold times; the input is not made by a run. */
const NOT_COMPARED = /(^|\/)\.(virnucpro|checkpoints)(\/|$)|_report\/|^(in\.fa|sheet\.csv)$/

/** Content of all files that a job has made, by name. */
export function filesOf(folder: string): Map<string, Buffer> {
  return filesIn(folder, NOT_COMPARED)
}

/** Names of files that are not the same, each with how far apart the two are. */
export function differencesOf(
  made: ReadonlyMap<string, Buffer>,
  expected: ReadonlyMap<string, Buffer>,
): Map<string, string> {
  const apart = (name: string) => {
    const [one, two] = [made.get(name), expected.get(name)]
    return one && two ? distance(one, two) : `${one === undefined ? 'no' : 'a new'} file`
  }
  return new Map(differences(made, expected).map((name) => [name, apart(name)]))
}

/** In bytes, and where both are as long as numbers of 32 bits, wherever in the file those begin. */
function distance(one: Buffer, two: Buffer): string {
  if (one.length !== two.length) return `${one.length} bytes in place of ${two.length}`
  let bytes = 0
  for (let at = 0; at < one.length; at++) if (one[at] !== two[at]) bytes++
  const largest = [0, 1, 2, 3].map((start) => {
    let most = 0
    for (let at = start; at + 4 <= one.length; at += 4) {
      const apart = Math.abs(one.readFloatLE(at) - two.readFloatLE(at))
      if (apart > most) most = apart
    }
    return most
  })
  return `${bytes} of ${one.length} bytes, as FP32 by ${Math.min(...largest).toPrecision(2)} at most`
}

/** What a finished job must not leave: locks, temporary files, the states of work under way. */
export function leftoversOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.tmp$|\.lock$|\/work(\/|$)|\.journal$/.test(name),
  )
}
