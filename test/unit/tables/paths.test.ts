import { expect, test } from 'bun:test'
import { type LayoutName, outputPaths } from '../../../src/layout/index.ts'

const paths = (input: string, outputDir?: string, layout: LayoutName = 'vanilla', prefix?: string) =>
  outputPaths({ layout, input, outputDir, prefix, expectedLength: 500 })

test('names in a folder of their own are cut at the first .fa of the file name', () => {
  expect(paths('/data/contigs.fasta', 'out')).toMatchObject({
    chunked: 'out/contigs_chunked500.fa',
    nucleotide: 'out/contigs_identified_nucleotide.fa',
    protein: 'out/contigs_identified_protein.faa',
    predictions: 'out/contigs_merged/prediction_results.txt',
  })
  expect(paths('/d.family/edge_lengths.fna.fa', 'out').nucleotideFolder).toBe(
    'out/edge_lengths.fna_nucleotide',
  )
  expect(paths('contigs.fna', 'out').proteinFolder).toBe('out/contigs.fna_protein')
  expect(paths('reads.fastq.gz', 'out').mergedFolder).toBe('out/reads_merged')
  expect(paths('-', 'out').mergedFolder).toBe('out/stdin_merged')
})

test('every "nucleotide" of the stem becomes "merged", as in the original', () => {
  expect(paths('my_nucleotide.family.fa', 'out').mergedFolder).toBe('out/my_merged_merged')
  expect(paths('my_nucleotide.family.fa', 'nucleotide_out').mergedFolder).toBe(
    'nucleotide_out/my_merged_merged',
  )
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

test('a file named .fa has an empty stem, and its state no slash at the end, after which the lock is named', () => {
  expect(paths('.fa', 'out')).toMatchObject({ mergedFolder: 'out/_merged', state: 'out/.virnucpro' })
})
