// Reading speed on contigs (60 columns) and on 150-bp reads, plain, gzip, bgzip and zstd, beside Biopython.
// Usage: bun bench/micro/fasta.ts [megabases, default 64]
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { bench, do_not_optimize, group, run } from 'mitata'
import { FastaFileWriter, readSequences } from '../../src/fasta/index.ts'

const bases = Number(process.argv[2] ?? 64) * 1e6
const folder = mkdtempSync(join(tmpdir(), 'virnucpro-bench-'))

/** Random DNA from a fixed seed. */
function randomDna(length: number): Uint8Array {
  const dna = new Uint8Array(length)
  for (let index = 0, state = 1; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    dna[index] = [65, 67, 71, 84][state >>> 30]!
  }
  return dna
}

const dna = randomDna(1_000_000)

function write(name: string, prefix: string, length: number, wrap?: number): string {
  const path = join(folder, name)
  const writer = new FastaFileWriter(path, wrap === undefined ? {} : { wrap })
  for (let made = 0; made < bases; made += length) {
    const from = (made * 7) % (dna.length - length + 1)
    writer.append(`${prefix}${writer.records} len=${length}`, dna.subarray(from, from + length))
  }
  writer.close()
  return path
}

async function count(path: string): Promise<number> {
  let found = 0
  for await (const batch of readSequences([path])) {
    for (const { sequence } of batch) found += sequence.length
  }
  return found
}

const expected = Math.ceil(bases / 150) * 150
const expectedContigs = Math.ceil(bases / 20_000) * 20_000

const contigs = write('contigs.fa', 'NODE_', 20_000, 60)
const reads = write('reads.fa', 'read_', 150)
const text = await Bun.file(contigs).bytes()
await Bun.write(`${contigs}.gz`, gzipSync(text, { level: 6 }))
await Bun.write(`${contigs}.zst`, zstdCompressSync(text))

const cases: [name: string, path: string, textBytes: number, bases: number][] = [
  ['contigs, plain', contigs, text.length, expectedContigs],
  ['contigs, gzip', `${contigs}.gz`, text.length, expectedContigs],
  ['contigs, zstd', `${contigs}.zst`, text.length, expectedContigs],
  ['reads of 150, plain', reads, statSync(reads).size, expected],
]

group('read', () => {
  for (const [name, path, , wanted] of cases) {
    bench(name, async () => {
      const found = await count(path)
      if (found !== wanted) throw new Error(`${name}: ${found} bases instead of ${wanted}`)
      do_not_optimize(found)
    })
  }
})

try {
  const { benchmarks } = await run()
  console.log('\nMB of text a second (best run)')
  for (const { alias, runs } of benchmarks) {
    const textBytes = cases.find(([name]) => name === alias)![2]
    console.log(
      `${alias.padEnd(32)}${(textBytes / 1e6 / (runs[0]!.stats!.min / 1e9)).toFixed(0).padStart(6)}`,
    )
  }
  await biopython()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function biopython(): Promise<void> {
  const python =
    process.env.VIRNUCPRO_TEST_PYTHON ?? resolve(import.meta.dir, '../../.cache/test-python/bin/python')
  if (!existsSync(python)) {
    console.log(`Biopython: not compared, ${python} not found`)
    return
  }
  const program = `
import gzip, sys, time
from Bio import SeqIO
path = sys.argv[1]
start = time.perf_counter()
with (gzip.open(path, "rt") if path.endswith(".gz") else open(path)) as handle:
    found = sum(len(record.seq) for record in SeqIO.parse(handle, "fasta"))
print(found, time.perf_counter() - start)
`
  for (const [name, path, textBytes, wanted] of cases) {
    if (path.endsWith('.zst')) continue
    const child = Bun.spawn([python, '-c', program, path], { stdout: 'pipe', stderr: 'inherit' })
    const [found, seconds] = (await new Response(child.stdout).text()).trim().split(' ').map(Number)
    if (found !== wanted) throw new Error(`Biopython, ${name}: ${found} bases instead of ${wanted}`)
    console.log(`${`Biopython, ${name}`.padEnd(32)}${(textBytes / 1e6 / seconds!).toFixed(0).padStart(6)}`)
  }
}
