// Reading FASTA: contigs of 60 columns and 150-base reads, plain, gzip and zstd, beside Biopython; and reads in BAM, beside pysam.
//   bun bench/micro/fasta.ts [--quick] [--json FILE]
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { bam, bgzip, record } from '../../scripts/support/bam.ts'
import { withFolder } from '../../scripts/support/temporary.ts'
import { FastaFileWriter, readSequences } from '../../src/fasta/index.ts'
import { randomDna } from '../dna.ts'
import { benchOptions } from '../result.ts'
import { type Case, runCases } from './rounds.ts'

const options = benchOptions('bun bench/micro/fasta.ts')
const bases = options.quick ? 200_000 : 16_000_000
const dna = randomDna(1_000_000, 1)

await withFolder(async (folder) => {
  const contigs = write(join(folder, 'contigs.fa'), 20_000, 60)
  const reads = write(join(folder, 'reads.fa'), 150)
  const text = await Bun.file(contigs).bytes()
  await Bun.write(`${contigs}.gz`, gzipSync(text, { level: 6 }))
  await Bun.write(`${contigs}.zst`, zstdCompressSync(text))
  await runCases('micro/fasta', options, { bases, seed: 1 }, [
    reading('contigs, plain', contigs, text.length),
    reading('contigs, gzip', `${contigs}.gz`, text.length),
    reading('contigs, zstd', `${contigs}.zst`, text.length, false),
    reading('reads of 150, plain', reads, statSync(reads).size),
    readingBam('reads of 150, BAM', await writeBam(join(folder, 'reads.bam'), 150)),
  ])
})

/** MB are those of the text, not of the compressed file. */
function reading(name: string, path: string, textBytes: number, comparable = true): Case {
  const other = { name: 'Biopython', question: { task: 'fasta', path } }
  const ours = () => basesIn(path)
  return { name, amount: textBytes / 1e6, unit: 'MB/s', ours, ...(comparable && { other }) }
}

function readingBam(name: string, path: string): Case {
  const other = { name: 'pysam', question: { task: 'bam', path } }
  return { name, amount: bases / 1e6, unit: 'Mbases/s', ours: () => basesIn(path), other }
}

async function basesIn(path: string): Promise<number> {
  let found = 0
  for await (const batch of readSequences([path])) for (const { sequence } of batch) found += sequence.length
  return found
}

async function writeBam(path: string, length: number): Promise<string> {
  const text = Buffer.from(dna).toString('latin1')
  const records: Buffer[] = []
  for (let made = 0; made < bases; made += length) {
    const from = (made * 7) % (text.length - length + 1)
    records.push(record(`record_${records.length}`, text.slice(from, from + length)))
  }
  await Bun.write(path, bgzip(bam(...records), 0xff00))
  return path
}

function write(path: string, length: number, wrap?: number): string {
  const writer = new FastaFileWriter(path, wrap === undefined ? {} : { wrap })
  for (let made = 0; made < bases; made += length) {
    const from = (made * 7) % (dna.length - length + 1)
    writer.append(`record_${writer.records} len=${length}`, dna.subarray(from, from + length))
  }
  writer.close()
  return path
}
