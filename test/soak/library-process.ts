// A program that uses the library again and again, in one process. Lines on standard input steer it; what it prints is JSON.
//   bun library-process.ts FOLDER BUNDLE SERVER

import { heapStats } from 'bun:jsc'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { classify, embed, predict, VirnucproError } from '../../src/index.ts'
import { filesOf } from './commands.ts'

const [folder = '', bundle = '', server = ''] = process.argv.slice(2)
const input = join(folder, 'in.fa')
/** What each kind of work gave at first, when nothing was disturbed. */
const first = new Map<string, string>()
const report = { iterations: 0, retried: 0, compared: 0, differences: [] as string[] }

let gate = Promise.withResolvers<void>()
gate.resolve()
let isWanted = true
let current = new AbortController()

function compare(kind: string, made: string): void {
  const expected = first.get(kind)
  if (expected === undefined) first.set(kind, made)
  report.compared++
  if (expected !== undefined && expected !== made) report.differences.push(`library, ${kind}: other results`)
}

async function run(kind: string, more: object): Promise<void> {
  const outputDir = join(folder, 'library')
  mkdirSync(outputDir, { recursive: true })
  const request = {
    inputs: [input],
    outputDir,
    bundle,
    expectedLength: 300,
    sequencesPerFile: 60,
    esmTokenBudget: 1024,
    dnabertTokenBudget: 1024,
    threads: 1,
  }
  await predict({ ...request, ...more }, { signal: current.signal })
  const files = Array.from(filesOf(outputDir), ([name, bytes]) => [name, Bun.SHA256.hash(bytes, 'hex')])
  compare(kind, JSON.stringify(files))
  rmSync(outputDir, { recursive: true })
}

async function vectors(
  model: 'esm2' | 'dnabert_s',
  sequences: readonly string[],
  more: object,
): Promise<void> {
  const hash = new Bun.SHA256()
  for await (const { id, embedding } of embed(sequences, {
    model,
    bundle,
    windowSize: 20,
    signal: current.signal,
    ...more,
  })) {
    hash.update(id)
    hash.update(embedding)
  }
  compare(`embed ${model} ${Object.keys(more).join()}`, hash.digest('hex'))
}

async function frames(more: object): Promise<void> {
  const hash = new Bun.SHA256()
  const sequence = 'ACGCGACCA'.repeat(80)
  for await (const frame of classify([{ id: 'one', sequence }], {
    bundle,
    chunkLength: 300,
    signal: current.signal,
    ...more,
  }))
    hash.update(JSON.stringify(frame))
  compare(`classify ${Object.keys(more).join()}`, hash.digest('hex'))
}

const proteins = Array.from({ length: 60 }, (_, i) => 'MKVLEFIPQWRTYHDS'.repeat(1 + (i % 7)).slice(i % 11))
const dna = Array.from({ length: 60 }, (_, i) => 'ACGTTGCA'.repeat(4 + (i % 9)).slice(i % 7))
const WORK: readonly (() => Promise<void>)[] = [
  () => run('predict on a server', { backend: 'triton', triton: [server] }),
  () => run('predict here', { backend: 'onnx' }),
  () => vectors('esm2', proteins, { triton: [server] }),
  () => vectors('esm2', proteins, {}),
  () => vectors('dnabert_s', dna, { triton: [server] }),
  () => frames({}),
  () => frames({ triton: [server] }),
]

/** The same work until it succeeds: what can be continued is. */
async function persist(work: () => Promise<void>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    current = new AbortController()
    try {
      await work()
      return
    } catch (error) {
      report.retried++
      const isAborted = current.signal.aborted
      const isPassing =
        error instanceof VirnucproError && ['tryAgain', 'unavailable', 'inputOutput'].includes(error.kind)
      if (!isAborted && !isPassing)
        report.differences.push(`library: ${error instanceof Error ? error.stack : error}`)
      await Bun.sleep(300)
    }
  }
  report.differences.push('library: gave up after 100 tries')
}

function print(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}

async function rest(): Promise<void> {
  Bun.gc(true)
  await Bun.sleep(200)
  Bun.gc(true)
  const { heapSize, objectCount } = heapStats()
  print({ ...report, heapKilobytes: Math.round(heapSize / 1024), objects: objectCount })
  await gate.promise
}

async function listen(): Promise<void> {
  for await (const line of console) {
    if (line === 'abort') current.abort(new Error('enough'))
    if (line === 'rest') gate = Promise.withResolvers()
    if (line === 'go') gate.resolve()
    if (line === 'end') isWanted = false
  }
  isWanted = false
}

void listen()
while (isWanted) {
  for (const work of WORK) {
    await persist(work)
    if (Bun.peek.status(gate.promise) === 'pending') await rest()
    if (!isWanted) break
  }
  report.iterations++
}
process.exit(0)
