import { expect, test } from 'bun:test'
import { genomeSets } from '../../support/genomes.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { collect, scratch, skipping } from './support.ts'

const { file } = scratch()

const PARSE = `
import json, sys
from Bio import SeqIO
out = []
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as handle:
        out.append([[r.id, str(r.seq)] for r in SeqIO.parse(handle, sys.argv[1])])
json.dump(out, sys.stdout)
`

async function biopython(format: 'fasta' | 'fastq', paths: string[]): Promise<[string, string][][]> {
  return JSON.parse(await runPython(PARSE, format, ...paths))
}

async function ours(path: string, readBytes?: number): Promise<[string, string][]> {
  const records = await collect(path, readBytes === undefined ? {} : { readBytes })
  return records.map(({ id, sequence }) => [id, sequence])
}

/** Numbers below `n`, the same on every run. */
function seeded(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

const SPACES = [
  ' ',
  '\t',
  '  ',
  '\x0b',
  '\x1c',
  '\x1f',
  '\x85',
  '\xa0',
  '\u1680',
  '\u2007',
  '\u2028',
  '\u202f',
  '\u3000',
]
const WORDS = [
  'a',
  'ctg|1.2|x',
  '"q"',
  "O'Neil,1",
  'é',
  '日本',
  '𝒜b',
  '\ufeffbom',
  'x\u200by',
  'ﬀ',
  '=1+1',
  '#',
  '>',
  '@',
  '\x01',
]
const ENDS = ['\n', '\r\n', '\r']
const PIECES = [
  'ACGT',
  'acgtn',
  'RYSWKMBDHVN',
  'U',
  '-',
  '.',
  '*',
  'X',
  '?',
  '>',
  '@',
  '+',
  ';',
  '0',
  ' ',
  '\t',
]

/** Odd but valid FASTA: every record has letters and an id of its own. */
function oddFasta(seed: number): string {
  const below = seeded(seed)
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!
  const mixed = below(2) === 0
  const fileEnd = pick(ENDS)
  const end = () => (mixed ? pick(ENDS) : fileEnd)
  let text = ''
  const records = 1 + below(12)
  for (let record = 0; record < records; record++) {
    text += `>${below(3) === 0 ? pick(SPACES) : ''}${pick(WORDS)}_${record}`
    if (below(2) === 0) text += `${pick(SPACES)}${pick(WORDS)} ${pick(WORDS)}`
    text += end()
    for (let line = 0; line < 1 + below(6); line++) {
      // A line never starts with '>', and DNA is common enough to be no protein.
      text += 'ACGTACGT'.repeat(below(12)) + (line === 0 ? 'A' : '')
      const odd = Array.from({ length: below(5) }, () => pick(PIECES)).join('')
      text += (text.at(-1) === '\n' || text.at(-1) === '\r' ? odd.replace(/^>+/, '') : odd) + end()
      if (below(6) === 0) text += pick(['', ' ', '\t ']) + end()
    }
  }
  return below(3) === 0 ? text.replace(/[\r\n]+$/, '') : text
}

function oddFastq(seed: number): string {
  const below = seeded(seed)
  const end = ENDS[below(3)]!
  const width = below(2) === 0 ? 1000 : 1 + below(40)
  const wrap = (text: string) => text.match(new RegExp(`.{1,${width}}`, 'g'))!.join(end) + end
  let text = ''
  for (let record = 0; record < 1 + below(15); record++) {
    const length = 1 + below(160)
    const sequence = Array.from({ length }, () => 'ACGTNacgtn'[below(10)]).join('')
    const quality = Array.from({ length }, () => String.fromCharCode(33 + below(94))).join('')
    const title = `read_${record}${below(2) === 0 ? ' 1:N:0' : ''}`
    text += `@${title}${end}${wrap(sequence)}+${below(3) === 0 ? title : ''}${end}${wrap(quality)}`
  }
  return below(2) === 0 ? text.slice(0, -end.length) : text
}

test.skipIf(!hasPython)('odd FASTA reads as Biopython reads it', async () => {
  const texts = Array.from({ length: 120 }, (_, seed) => oddFasta(seed))
  const paths = texts.map((text, seed) => file(`odd_${seed}.fa`, text))
  const expected = await biopython('fasta', paths)
  for (const [index, path] of paths.entries()) {
    expect(await ours(path), JSON.stringify(texts[index])).toEqual(expected[index]!)
    expect(await ours(path, 2 + (index % 13))).toEqual(expected[index]!)
  }
})

test.skipIf(!hasPython)('FASTQ on four or more lines reads as Biopython reads it', async () => {
  const texts = Array.from({ length: 60 }, (_, seed) => oddFastq(seed + 1))
  const paths = texts.map((text, seed) => file(`odd_${seed}.fq`, text))
  const expected = await biopython('fastq', paths)
  for (const [index, path] of paths.entries()) {
    expect(await ours(path), JSON.stringify(texts[index])).toEqual(expected[index]!)
    expect(await ours(path, 3 + (index % 17))).toEqual(expected[index]!)
  }
})

test.skipIf(!hasPython).each(genomeSets)('%s read as Biopython reads them', async (_, files) => {
  const paths = files().map(({ name, text }) => file(name, text))
  expect(paths.length).toBeGreaterThan(10)
  const expected = await biopython('fasta', paths)
  for (const [index, path] of paths.entries()) {
    expect(await ours(path)).toEqual(expected[index]!)
    expect(await ours(path, 4093)).toEqual(expected[index]!)
  }
  // One accession is in two of the files.
  const ids = expected.flat().map(([id]) => id)
  const { records, reports } = await skipping(paths)
  expect(records.map(({ id }) => id)).toEqual([...new Set(ids)])
  expect(reports.map(({ reason }) => reason)).toEqual(Array(ids.length - records.length).fill('duplicate_id'))
})
