// Writes synthetic reads as FASTA: cut from gene-like DNA, so that about four of five keep a reading frame.
// With --rows it writes frames of mixed length in place of reads, as a line of JSON each with the token ids that both
// models get and whether the frame is viral, the shortest and the longest that enter the mean whole among them: for
// verify_plan.py. They are cut from --viral and --other FASTA files, as long as short reads up to chunks of 500; without
// files from two made-up genomes that differ in G and C.
// Usage: bun make-reads.ts READS LENGTH FILE [--two-kinds]
//    or  bun make-reads.ts --contigs BASES FILE [--two-kinds]     contigs of 1,000 to 20,000 bases in place of reads
//    or  bun make-reads.ts --rows COUNT TOKENIZER FILE [--viral FASTA [--viral FASTA]... --other FASTA...]
// With --two-kinds reads and contigs come from two genomes made up as those of --rows, half from each, so that a classifier
// trained with such rows tells them apart.

import { parseArgs } from 'node:util'
import { readSequences } from '../../src/fasta/index.ts'
import { openFrames } from '../../src/sequence/index.ts'
import { DnaTokenizer, EsmAlphabet } from '../../src/tokenizers/index.ts'
import { codingDna, cutReads, seededRandom } from '../dna.ts'
import { writeInput } from '../pipeline/inputs.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string' },
    contigs: { type: 'string' },
    viral: { type: 'string', multiple: true },
    other: { type: 'string', multiple: true },
    'two-kinds': { type: 'boolean' },
  },
})
const [first, second, third, ...more] = positionals
if (more.length > 0 || (values.rows !== undefined && third !== undefined))
  throw new Error(`what is ${more[0] ?? third}? Each FASTA file has a --viral or --other of its own`)
const twoKinds = values['two-kinds'] === true
if (values.contigs !== undefined)
  await writeInput(first!, 'contigs', Number(values.contigs), 7, twoKinds ? madeUp() : undefined)
else if (values.rows !== undefined)
  await writeRows(Number(values.rows), first!, second!, values.viral, values.other)
else await writeReads(Number(first), Number(second), third!)

async function writeReads(count: number, length: number, path: string): Promise<void> {
  const file = Bun.file(path).writer()
  const decoder = new TextDecoder()
  let number = 0
  const reads = twoKinds
    ? inTurn(madeUp().map((genome, i) => cutReads(genome, Math.ceil(count / 2), length, 5 + i)))
    : cutReads(codingDna(20_000_000, 3), count, length, 5)
  for (const read of reads) {
    if (number === count) break
    file.write(`>read_${++number}\n${decoder.decode(read)}\n`)
    if (number % 10_000 === 0) await file.flush()
  }
  await file.end()
}

/** Genomes that differ in G and C: of those that are not viral, and of those that are. */
function madeUp(bases = 10_000_000): [Uint8Array, Uint8Array] {
  return [codingDna(bases, 13, 0.58), codingDna(bases, 12, 0.42)]
}

function* inTurn<T>(sources: readonly Iterator<T>[]): Generator<T> {
  for (let at = 0; ; at++) {
    const { value, done } = sources[at % sources.length]!.next()
    if (done) return
    yield value
  }
}

async function writeRows(
  count: number,
  tokenizer: string,
  path: string,
  viral?: string[],
  other?: string[],
): Promise<void> {
  if ((viral === undefined) !== (other === undefined)) throw new Error('--viral and --other go together')
  const dna = await DnaTokenizer.fromFile(tokenizer)
  const esm = new EsmAlphabet()
  const random = seededRandom(11)
  const kinds =
    viral === undefined || other === undefined
      ? madeUp(2_000_000).map((genome) => [genome])
      : [await genomesOf(other), await genomesOf(viral)]
  if (kinds.some((genomes) => genomes.length === 0)) throw new Error('no sequence has 500 bases or more')
  const lines: string[] = []
  // One residue, and all that enter the mean: no stop codon may stand in the way.
  const fixed = (viral === undefined ? [3, 6, 3072, 3072] : [3, 6, 498]).map((bases) =>
    genomeWithoutStop(bases),
  )
  while (lines.length < count) {
    const given = fixed[lines.length]
    const isViral = lines.length % 2 === 1
    const genome = anyBase(kinds[Number(isViral)]!, random)
    const length = given?.length ?? 150 + Math.floor(random() * 351)
    const start = Math.floor(random() * (genome.length - length))
    const [frame] = openFrames(given ?? genome.subarray(start, start + length))
    if (frame === undefined || frame.protein.length === 0) continue
    // DNABERT-S never sees more than a chunk.
    const dnabert = [...dna.encode(frame.nucleotide)].slice(0, 512)
    lines.push(JSON.stringify({ esm2: [...esm.encode(frame.protein)], dnabert_s: dnabert, viral: isViral }))
  }
  await Bun.write(path, `${lines.join('\n')}\n`)
}

/** The genome that a base belongs to of which each is as likely. */
function anyBase(genomes: readonly Uint8Array[], random: () => number): Uint8Array {
  let at = random() * genomes.reduce((sum, genome) => sum + genome.length, 0)
  for (const genome of genomes) {
    if (at < genome.length) return genome
    at -= genome.length
  }
  return genomes.at(-1)!
}

/** Sequences of which every chunk is long enough. */
async function genomesOf(fasta: string[]): Promise<Uint8Array[]> {
  const found: Uint8Array[] = []
  // One by one: what is in two of them is no mistake here.
  for (const file of fasta) {
    for await (const records of readSequences([file])) {
      for (const { sequence } of records) if (sequence.length >= 500) found.push(sequence.slice())
    }
  }
  return found
}

function genomeWithoutStop(bases: number): Uint8Array {
  const codons = ['GCA', 'CTG', 'GAA', 'AAA', 'GGC', 'TGG', 'CAC', 'ATT', 'CGT', 'TTC']
  const random = seededRandom(bases)
  const text = Array.from({ length: bases / 3 }, () => codons[Math.floor(random() * codons.length)]).join('')
  return new TextEncoder().encode(text)
}
