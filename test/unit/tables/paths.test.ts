import { expect, test } from 'bun:test'
import { type LayoutName, outputPaths } from '../../../src/layout/index.ts'

const paths = (input: string, outputDir?: string, layout: LayoutName = 'vanilla', prefix?: string) =>
  outputPaths({ layout, input, outputDir, prefix, expectedLength: 500 })

test('names in a folder of their own are the file name without the endings of sequences and compression', () => {
  expect(paths('/data/contigs.fasta', 'out')).toMatchObject({
    chunked: 'out/contigs_chunked500.fa',
    nucleotide: 'out/contigs_identified_nucleotide.fa',
    protein: 'out/contigs_identified_protein.faa',
    predictions: 'out/contigs_merged/prediction_results.txt',
  })
  expect(paths('reads.fastq.gz', 'out').mergedFolder).toBe('out/reads_merged')
  expect(paths('-', 'out').mergedFolder).toBe('out/stdin_merged')
})

const ENDINGS = ['fna', 'ffn', 'fa', 'fas', 'fasta', 'fq', 'fastq', 'bam', 'ubam', 'FNA', 'FastQ']

test('every ending of a sequence file, compressed or not, is an ending in both layouts', () => {
  for (const layout of ['vanilla', 'broad'] as const)
    for (const ending of ENDINGS)
      for (const compression of ['', '.gz', '.zst', '.bgz', '.bgzf', '.GZ'])
        expect(paths(`/a.fa/x.1.${ending}${compression}`, 'out', layout).stem).toBe('x.1')
})

test('only the last ending goes, and a name that is no more than one stays', () => {
  for (const [input, vanilla, broad] of [
    ['/d.family/edge_lengths.fna.fa', 'edge_lengths.fna', 'edge_lengths.fna'],
    ['my.family.fasta', 'my.family', 'my.family'],
    ['NC_001416.1', 'NC_001416.1', 'NC_001416'],
    ['proteins.faa', 'proteins.faa', 'proteins'],
    ['reads', 'reads', 'reads'],
    ['.fa', '.fa', '.fa'],
  ] as const) {
    expect(paths(input, 'out').stem).toBe(vanilla)
    expect(paths(input, 'out', 'broad').stem).toBe(broad)
  }
})

test('every "nucleotide" of the stem becomes "merged", as in the original', () => {
  expect(paths('my_nucleotide.fa', 'out').mergedFolder).toBe('out/my_merged_merged')
  expect(paths('my_nucleotide.fa', 'nucleotide_out').mergedFolder).toBe('nucleotide_out/my_merged_merged')
})

test('without a folder the results lie beside the input, cut at the first .fa of the whole path', () => {
  expect(paths('/data/contigs.fasta').predictions).toBe('/data/contigs_merged/prediction_results.txt')
  expect(paths('/d.fast/x.fa').predictions).toBe('/d_merged/prediction_results.txt')
  expect(paths('x.fa').predictions).toBe('x_merged/prediction_results.txt')
})

test("Broad's names take the stem of the file name", () => {
  expect(paths('/data/x.fna.gz', 'out', 'broad')).toMatchObject({
    chunked: 'out/x_chunked500.fa',
    nucleotide: 'out/x_nucleotide.fa',
    mergedFolder: 'out/x_merged',
  })
})

test('a prefix replaces the stem', () => {
  expect(paths('/data/x.fa', 'out', 'vanilla', 'sample7').consensus).toBe(
    'out/sample7_merged/prediction_results_highestscore.csv',
  )
})

test('beside a file named .fa the stem is empty, and its state has no slash at the end, after which the lock is named', () => {
  expect(paths('.fa')).toMatchObject({ mergedFolder: '_merged', state: '.virnucpro' })
})
