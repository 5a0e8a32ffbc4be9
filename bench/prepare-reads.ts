// One million 150-base reads through everything before the models, in one process: reading, chunks, translation,
// tokens, equal sequences, batches. Prints seconds for each stage and the peak of resident memory.
//   bun bench/prepare-reads.ts [reads]
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { dedupe, padBatch, paddingWaste, planBatches } from '../src/batching/index.ts'
import { readSequences } from '../src/fasta/index.ts'
import { chunkBounds, type OpenFrame, openFrames } from '../src/sequence/index.ts'
import { peakMemory } from '../src/system/peak-memory.ts'
import { DnaTokenizer, EsmAlphabet } from '../src/tokenizers/index.ts'
import { codingDna, cutReads } from './dna.ts'
import { tokenizerPath } from './tokenizer.ts'

const READS = Number(process.argv[2] ?? 1_000_000)
const READ_LENGTH = 150
const CHUNK_LENGTH = 300
const WINDOW = 10_000
const TOKEN_BUDGET = 16_384
const MEMORY_LIMIT_MB = 500

const dna = await DnaTokenizer.fromFile(tokenizerPath().path)
const esm = new EsmAlphabet()
const models = [
  { name: 'DNABERT-S', tokenizer: dna, of: (frame: OpenFrame) => frame.nucleotide },
  { name: 'ESM-2', tokenizer: esm, of: (frame: OpenFrame) => frame.protein },
].map((model) => ({ ...model, unique: 0, tokens: 0, padded: 0, batches: 0 }))
const seconds: Record<string, number> = {}
let peak = 0
let reads = 0
let frames = 0

const folder = await mkdtemp(join(tmpdir(), 'virnucpro-bench-'))
try {
  const file = join(folder, 'reads.fa')
  await writeReads(file)
  console.log(
    `${READS} reads of ${READ_LENGTH} bases, ${((await stat(file)).size / 1e6).toFixed(0)} MB of FASTA`,
  )
  const started = performance.now()
  await prepare(file)
  report((performance.now() - started) / 1000)
} finally {
  await rm(folder, { recursive: true })
}

async function prepare(file: string): Promise<void> {
  let window: OpenFrame[] = []
  let since = performance.now()
  for await (const records of readSequences([file])) {
    spend('read', since)
    for (const { sequence } of records) {
      reads++
      const start = performance.now()
      for (const chunk of chunkBounds(sequence.length, CHUNK_LENGTH)) {
        window.push(...openFrames(sequence.subarray(chunk.start, chunk.end)))
      }
      spend('chunk and translate', start)
      if (window.length >= WINDOW) {
        batch(window.slice(0, WINDOW))
        window = window.slice(WINDOW)
      }
    }
    since = performance.now()
  }
  batch(window)
}

/** What the pipeline does with a window of frames, up to the arrays that a model takes. */
function batch(window: readonly OpenFrame[]): void {
  frames += window.length
  for (const model of models) {
    const sequences = window.map(model.of)
    const { unique } = timed('find equal sequences', () => dedupe(sequences))
    const rows = timed(`tokens of ${model.name}`, () =>
      Array.from(unique, (i) => model.tokenizer.encode(sequences[i]!)),
    )
    const lengths = rows.map((row) => row.length)
    const plan = timed('plan batches', () => planBatches(lengths, { tokenBudget: TOKEN_BUDGET }))
    for (const { members, tokens } of plan) {
      const padded = timed('fill batches', () =>
        padBatch(
          Array.from(members, (i) => rows[i]!),
          model.tokenizer.padId,
        ),
      )
      if (padded.inputIds.length !== tokens || tokens > TOKEN_BUDGET) throw new Error('Wrong batch')
      model.padded += tokens
      model.tokens +=
        tokens * (1 - paddingWaste([{ members, tokens, paddedLength: 0, overBudget: false }], lengths))
    }
    model.unique += unique.length
    model.batches += plan.length
  }
  peak = Math.max(peak, process.memoryUsage.rss())
}

function report(total: number): void {
  if (reads !== READS) throw new Error(`expected ${READS} reads, found ${reads}`)
  console.log(`${frames} frames`)
  for (const [stage, spent] of Object.entries(seconds)) {
    console.log(`${stage.padEnd(24)}${spent.toFixed(2).padStart(8)} s`)
  }
  console.log(`${'all'.padEnd(24)}${total.toFixed(2).padStart(8)} s`)
  for (const { name, unique, tokens, padded, batches } of models) {
    const waste = (100 * (1 - tokens / padded)).toFixed(2)
    console.log(
      `${name}: ${unique} different, ${Math.round(tokens)} tokens, ${batches} batches, ${waste} % padding`,
    )
  }
  // What the kernel saw at most, where it tells: sampling could miss a peak.
  const megabytes = Math.max(peak, peakMemory()) / 1e6
  console.log(`peak resident memory ${megabytes.toFixed(0)} MB`)
  if (megabytes > MEMORY_LIMIT_MB) throw new Error(`more than ${MEMORY_LIMIT_MB} MB`)
}

/** From a genome much longer than a window's reads, so that few of them are equal by chance. */
async function writeReads(file: string): Promise<void> {
  const out = createWriteStream(file)
  const genome = codingDna(5_000_000, 1)
  let number = 0
  let lines: string[] = []
  for (const read of cutReads(genome, READS, READ_LENGTH, 2)) {
    lines.push(`>read_${++number}\n${new TextDecoder().decode(read)}\n`)
    if (lines.length === WINDOW || number === READS) {
      if (!out.write(lines.join(''))) await new Promise((resolve) => out.once('drain', resolve))
      lines = []
    }
  }
  out.end()
  await finished(out)
}

function timed<T>(stage: string, work: () => T): T {
  const start = performance.now()
  const result = work()
  spend(stage, start)
  return result
}

function spend(stage: string, since: number): void {
  seconds[stage] = (seconds[stage] ?? 0) + (performance.now() - since) / 1000
}
