// Reading FASTA: contigs of 60 columns and 150-base reads, plain, gzip and zstd, beside Biopython.
//   bun bench/micro/fasta.ts [--quick] [--json FILE]
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
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
  ])
})

/** MB are those of the text, not of the compressed file. */
function reading(name: string, path: string, textBytes: number, comparable = true): Case {
  const other = { name: 'Biopython', question: { task: 'fasta', path } }
  const ours = async () => {
    let found = 0
    for await (const batch of readSequences([path]))
      for (const { sequence } of batch) found += sequence.length
    return found
  }
  return { name, amount: textBytes / 1e6, unit: 'MB/s', ours, ...(comparable && { other }) }
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
