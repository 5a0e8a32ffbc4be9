// Writes synthetic reads as FASTA: cut from gene-like DNA, so that about four of five keep a reading frame.
// With --rows it writes frames of mixed length in place of reads, as a line of JSON each with the token ids that both
// models get, the shortest and the longest that enter the mean whole among them: for verify_plan.py.
// Usage: bun make-reads.ts READS LENGTH FILE    or    bun make-reads.ts --rows COUNT TOKENIZER FILE [FASTA...]
// With FASTA files the frames are cut from those, and none is longer than a chunk of 500.

import { readSequences } from '../../src/fasta/index.ts'
import { openFrames } from '../../src/sequence/index.ts'
import { DnaTokenizer, EsmAlphabet } from '../../src/tokenizers/index.ts'
import { codingDna, cutReads, seededRandom } from '../dna.ts'

const [first, second, third, fourth, ...fasta] = process.argv.slice(2)
if (first === '--rows') await writeRows(Number(second), third!, fourth!, fasta)
else await writeReads(Number(first), Number(second), third!)

async function writeReads(count: number, length: number, path: string): Promise<void> {
  const file = Bun.file(path).writer()
  const decoder = new TextDecoder()
  let number = 0
  for (const read of cutReads(codingDna(20_000_000, 3), count, length, 5)) {
    file.write(`>read_${++number}\n${decoder.decode(read)}\n`)
    if (number % 10_000 === 0) await file.flush()
  }
  await file.end()
}

async function writeRows(count: number, tokenizer: string, path: string, fasta: string[]): Promise<void> {
  const dna = await DnaTokenizer.fromFile(tokenizer)
  const esm = new EsmAlphabet()
  const random = seededRandom(11)
  const genomes = fasta.length === 0 ? [codingDna(4_000_000, 12)] : await genomesOf(fasta)
  const lines: string[] = []
  // One residue, and all that enter the mean: no stop codon may stand in the way.
  const fixed = (fasta.length === 0 ? [3, 6, 3072, 3072] : [3, 6, 498]).map((bases) =>
    genomeWithoutStop(bases),
  )
  while (lines.length < count) {
    const given = fixed[lines.length]
    const length = given?.length ?? 30 + Math.floor(random() * 470)
    const genome = genomes[Math.floor(random() * genomes.length)]!
    const start = Math.floor(random() * (genome.length - length))
    const [frame] = openFrames(given ?? genome.subarray(start, start + length))
    if (frame === undefined || frame.protein.length === 0) continue
    const ids = { esm2: [...esm.encode(frame.protein)], dnabert_s: [...dna.encode(frame.nucleotide)] }
    // DNABERT-S never sees more than a chunk.
    lines.push(JSON.stringify({ ...ids, dnabert_s: ids.dnabert_s.slice(0, 512) }))
  }
  await Bun.write(path, `${lines.join('\n')}\n`)
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
