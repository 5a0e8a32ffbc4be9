import { describe, expect, test } from 'bun:test'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { codingDna, cutReads, seededRandom } from '../../../bench/dna.ts'
import { bam, bgzip, record } from '../../../scripts/support/bam.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { forModels, openBundle, readTokenizers } from '../../../src/bundle/index.ts'
import { type MeasureOptions, measureInput, quickEstimate } from '../../../src/estimate/index.ts'
import { readSummary } from '../../../src/report/index.ts'
import { repository, succeed } from '../../support/cli.ts'

const contigs = join(repository, 'examples/contigs.fasta')
const folder = temporaryFolder()
const bundle = await openBundle('demo')
const onProcessor = forModels(() => ({ tokenBudget: 2048, tapers: false }))
const usual = {
  bundle,
  tokenizers: await readTokenizers(bundle),
  expectedLength: 500,
  sequencesPerFile: 10_000,
  layout: 'vanilla',
  packings: [onProcessor],
  wholeBytes: 64e6,
  sampleBytes: 1e6,
} as const satisfies Omit<MeasureOptions, 'inputs'>

/** Reads of 300 bases and contigs of up to 9,000, the contigs last, as files are that were put together. */
function mixture(): string {
  const genome = codingDna(3_000_000, 3)
  const random = seededRandom(4)
  const text = new TextDecoder()
  const lines: string[] = []
  for (const read of cutReads(genome, 9_000, 300, 5)) lines.push(`>read_${lines.length}`, text.decode(read))
  for (let i = 0; i < 300; i++) {
    const [contig] = cutReads(genome, 1, 500 + Math.floor(8_500 * random()), 50 + i)
    lines.push(`>contig_${i}`, text.decode(contig).replaceAll(/(.{60})/g, '$1\n'))
  }
  return `${lines.join('\n')}\n`
}

describe('an input that is read to its end', () => {
  const short = ['-e', '300', '--any-length', '--sequences-per-file', '7']
  test.each([
    ['chunks of 500', ['--any-length'], usual],
    ['chunks of 300 in small parts', short, { ...usual, expectedLength: 300, sequencesPerFile: 7 }],
    [
      "Broad's layout, other batches",
      ['--layout', 'broad', '--token-budget', '700'],
      { ...usual, layout: 'broad', packings: [forModels(() => ({ tokenBudget: 700, tapers: false }))] },
    ],
  ] as const)('has the counts of a run: %s', async (name, options, counting) => {
    const output = folder.join(name)
    const other = folder.join('other.fa')
    // Equal sequences, frames without residues, a record that is shorter than a chunk.
    await writeFile(
      other,
      `>same\n${'ACGTTGCAAC'.repeat(31)}\n>again\n${'ACGTTGCAAC'.repeat(31)}\n>n\n${'N'.repeat(90)}\n>two\nAC\n`,
    )
    const inputs = [contigs, other]
    await succeed('predict', ...inputs, '--bundle', 'demo', '-o', output, '--backend', 'onnx', ...options)
    const { counts, computed } = await readSummary(join(output, 'contigs_report', 'summary.json'))
    const found = await measureInput({ ...counting, inputs })
    expect(found).toMatchObject({ basis: 'whole', share: 1, uncertainty: 0 })
    const { records, bases, chunks, chunksWithoutFrame, frames } = counts
    expect(found.counts.figures).toMatchObject({ records, bases, chunks, chunksWithoutFrame, frames })
    expect(
      forModels((model) => ({
        ...found.counts.models[model],
        paddedTokens: found.counts.packed[0]?.[model].paddedTokens,
      })),
    ).toEqual(
      // What was spared is not estimated.
      forModels((model) => {
        const { sharedSequences: _, reusedSequences: __, ...counts } = computed[model]
        return counts
      }),
    )
  })

  test('is an error where a run would have one', async () => {
    const path = folder.join('protein.fa')
    await writeFile(path, '>a\nMEEPQSDPSVEPPLSQETFSDLWKLLPENNVLSPLPSQAMDDLMLSPDDIEQWFTEDPGP\n')
    expect(measureInput({ ...usual, inputs: [path] })).rejects.toThrow('looks like protein')
  })
})

describe('a large input', () => {
  const text = mixture()
  const fastq = text.replaceAll(
    />(read_\d+)\n(\w+)\n/g,
    (_, id, bases) => `@${id}\n${bases}\n+\n${'@'.repeat(300)}\n`,
  )
  const reads = fastq.slice(0, fastq.indexOf('>'))

  const readsInBam = bam(
    ...[...text.matchAll(/>(read_\d+)\n(\w+)\n/g)].map(([, id = '', bases = '']) => record(id, bases)),
  )

  test.each([
    ['plain', 'large.fa', text, 'spread'],
    ['of Windows', 'windows.fa', text.replaceAll('\n', '\r\n'), 'spread'],
    ['FASTQ with qualities that look like headers', 'large.fq', reads, 'spread'],
    ['compressed by zstd', 'large.fa.zst', zstdCompressSync(text.slice(0, text.indexOf('>contig'))), 'start'],
    ['BAM', 'large.bam', bgzip(readsInBam), 'start'],
    ['BAM that is not compressed', 'plain.bam', readsInBam, 'start'],
    ['compressed', 'large.fa.gz', gzipSync(text.slice(0, text.indexOf('>contig'))), 'start'],
  ] as const)('is known from a sample, %s', async (_, name, content, basis) => {
    const inputs = [folder.join(name)]
    await writeFile(inputs[0]!, content)
    const whole = await measureInput({ ...usual, inputs })
    const size = (await readFile(inputs[0]!)).length
    const sampled = await measureInput({
      ...usual,
      inputs,
      wholeBytes: 1000,
      sampleBytes: basis === 'start' ? 2 * size : size / 4,
    })
    expect(sampled.basis).toBe(basis)
    expect(sampled.share).toBeLessThan(0.7)
    const off = (of: (found: typeof whole) => number) => Math.abs(of(sampled) / of(whole) - 1)
    for (const figure of ['records', 'bases', 'chunks', 'frames'] as const)
      expect(off(({ counts }) => counts.figures[figure])).toBeLessThan(0.12)
    expect(off(({ counts }) => counts.models.esm2.tokens)).toBeLessThan(Math.max(0.12, sampled.uncertainty))
  })

  test('may begin anywhere in a chromosome', async () => {
    const inputs = [folder.join('chromosome.fa')]
    await writeFile(
      inputs[0]!,
      `>chr1\n${new TextDecoder().decode(codingDna(3_000_000, 8)).replaceAll(/(.{70})/g, '$1\n')}\n`,
    )
    const whole = await measureInput({ ...usual, inputs })
    const sampled = await measureInput({ ...usual, inputs, wholeBytes: 1000, sampleBytes: 400_000 })
    expect(Math.abs(sampled.counts.figures.frames / whole.counts.figures.frames - 1)).toBeLessThan(0.15)
  })

  test('of a sort that cannot be read is an error', async () => {
    const path = folder.join('a.fa.bz2')
    await writeFile(path, Buffer.concat([Buffer.from('BZh91AY&SY'), Buffer.alloc(2000)]))
    expect(measureInput({ ...usual, inputs: [path], wholeBytes: 10 })).rejects.toThrow('bzip2')
  })
})

describe('a quick estimate', () => {
  test('is about some seconds in this process', async () => {
    const { cpuSeconds, gpuSeconds } = (await quickEstimate([contigs], { expectedLength: 500, bundle }))!
    expect(cpuSeconds).toBeGreaterThan(0.1)
    expect(cpuSeconds).toBeLessThan(600)
    expect(gpuSeconds).toBeUndefined()
  })

  test('is none of a stream, nor of what cannot be read', async () => {
    expect(await quickEstimate(['-'], { expectedLength: 500, bundle })).toBeUndefined()
    expect(await quickEstimate([folder.join('missing.fa')], { expectedLength: 500, bundle })).toBeUndefined()
  })
})
