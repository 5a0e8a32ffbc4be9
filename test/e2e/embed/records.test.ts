import { afterAll, expect, test } from 'bun:test'
import { existsSync, linkSync, readFileSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import type { ModelName } from '../../../src/bundle/index.ts'
import { repository, succeed, virnucpro } from '../../support/cli.ts'
import { distance, readEmbeddings, reference } from './support.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

const PROTEINS: [id: string, written: string, embedded: string][] = [
  ['p1', 'MKVLEFIPQWRTYHDS', 'MKVLEFIPQWRTYHDS'],
  ['stop', 'mkvlefipqwrt*', 'MKVLEFIPQWRT'],
  ['odd', 'MKJLE*FIPQ-WX', 'MKXLEXFIPQ-WX'],
]
const DNA: [id: string, written: string, embedded: string][] = [
  ['d1', 'ACGTTGCAAC'.repeat(9), 'ACGTTGCAAC'.repeat(9)],
  ['d2', 'acgtnrttgc', 'ACGTNRTTGC'],
]

const fasta = (records: readonly (readonly [string, string, ...unknown[]])[]) =>
  records.map(([id, sequence]) => `>${id} words\n${sequence}\n`).join('')
const written = (name: string, text: string) => {
  const path = folder.join(name)
  writeFileSync(path, text)
  return path
}
const proteins = written('proteins.faa', fasta(PROTEINS))
const dna = written('dna.fa', fasta(DNA))

let outputs = 0
const newOutput = () => folder.join(`${outputs++}.safetensors`)
const words = (input: string, output: string, ...more: string[]) => [
  ...['embed', input, '--of', 'records', '--bundle', 'demo', '--output', output, ...more],
]

async function requireRows(output: string, model: ModelName, expected: readonly (readonly string[])[]) {
  const found = await readEmbeddings(output, [model])
  expect(found.ids).toEqual(expected.map(([id]) => id!))
  const sequences = expected.map((each) => each[2]!)
  expect(distance(found.rows.get(model), await reference(model, sequences))).toBeLessThan(2e-6)
}

test.each([
  ['proteins', proteins, 'esm2', PROTEINS],
  ['DNA', dna, 'dnabert_s', DNA],
] as const)('whole records are recognized as %s', async (name, input, model, records) => {
  const output = newOutput()
  const { stderr } = await succeed(...words(input, output))
  expect(stderr).toContain(`the first records of ${input} are ${name}`)
  await requireRows(output, model, records)
})

test('records that are longer than the model is given are cut and listed', async () => {
  const long = 'MKVLEFIPQWRTYHDSACGN'.repeat(60)
  const input = written(
    'long.faa',
    fasta([
      ['short', 'MKVLEF'],
      ['long', long],
    ]),
  )
  const output = newOutput()
  const { stderr } = await succeed(...words(input, output))
  expect(stderr).toContain('record "long" has 1200 residues: the first 1022 are embedded')
  expect(stderr).toContain('of 1 longer record only the beginning is embedded; the list is in')
  expect(stderr).not.toContain('read unchanged')
  await requireRows(output, 'esm2', [
    ['short', '', 'MKVLEF'],
    ['long', '', long.slice(0, 1022)],
  ])
  const list = readFileSync(`${output}.records.tsv`, 'utf8')
  expect(list).toContain(`\tlong\ttoo_long\t`)
  expect(list).toEndWith('\tkept\n')
})

test('they can be left out, or end the run', async () => {
  const input = written(
    'two.faa',
    fasta([
      ['a', 'MKVLEF'],
      ['b', 'MKVLEFIPQWRT'],
      ['c', 'MKVLE'],
    ]),
  )
  const output = newOutput()
  await succeed(...words(input, output, '--max-length', '6', '--too-long', 'skip'))
  await requireRows(output, 'esm2', [
    ['a', '', 'MKVLEF'],
    ['c', '', 'MKVLE'],
  ])
  expect(readFileSync(`${output}.records.tsv`, 'utf8')).toEndWith('\tleft_out\n')
  const { code, stderr } = await virnucpro(
    words(input, newOutput(), '--max-length', '6', '--too-long', 'fail'),
  )
  expect(stderr).toContain('record "b" has 12 residues, more than the 6 that are embedded. --too-long cut')
  expect(code).toBe(65)
})

test('proteins that are not named as records are refused with the options for them', async () => {
  const { code, stderr } = await virnucpro(['embed', proteins, '--bundle', 'demo', '--output', newOutput()])
  expect(stderr).toContain('looks like protein')
  expect(stderr).toContain('--of records --model esm2 embeds whole proteins')
  expect(code).toBe(65)
})

test('a stream is embedded once it is said what it holds', async () => {
  const embed = async (...more: string[]) => {
    const output = newOutput()
    const child = Bun.spawn([process.execPath, 'src/cli/main.ts', ...words('-', output, ...more)], {
      cwd: repository,
      stdin: Bun.file(proteins).stream(),
      stderr: 'pipe',
    })
    const stderr = await new Response(child.stderr).text()
    return { output, stderr, code: await child.exited }
  }
  const unsaid = await embed()
  expect(unsaid.stderr).toContain('Say it with --alphabet dna or --alphabet protein')
  expect(unsaid.code).toBe(64)
  const said = await embed('--alphabet', 'protein')
  expect(said.code).toBe(0)
  await requireRows(said.output, 'esm2', PROTEINS)
})

test('DNA for ESM-2 and proteins for DNABERT-S are errors', async () => {
  const asProtein = await virnucpro(words(dna, newOutput(), '--model', 'esm2'))
  expect(asProtein.stderr).toContain('record "d1" looks like DNA')
  expect(asProtein.code).toBe(65)
  const asDna = await virnucpro(words(proteins, newOutput(), '--model', 'dnabert_s'))
  expect(asDna.stderr).toContain('record "p1" looks like protein')
  expect(asDna.code).toBe(65)
})

test('short records are filtered', async () => {
  const output = newOutput()
  const { stderr } = await succeed(...words(dna, output, '--min-length', '20'))
  expect(stderr).toContain('2 records (1 filtered); 1 sequence embedded')
  await requireRows(output, 'dnabert_s', DNA.slice(0, 1))
})

test('a file that no run has made is not touched, not even by force', async () => {
  const output = written('mine.npz', 'mine')
  for (const more of [[], ['--force']]) {
    const { code, stderr } = await virnucpro(words(dna, output, ...more))
    expect(stderr).toContain(`${output} exists, and no run has recorded it as its own`)
    expect(stderr).toContain('Move it away, or name another file with --output')
    expect(code).toBe(64)
  }
  expect(readFileSync(output, 'utf8')).toBe('mine')
  const input = written('both.fa', fasta(DNA))
  linkSync(input, folder.join('both.npz'))
  const same = await virnucpro(words(input, folder.join('both.npz')))
  expect(same.stderr).toContain('is an input and also')
  expect(same.code).toBe(64)
})

test('a finished run computes nothing again; another one is refused, and replaces it by force', async () => {
  const output = newOutput()
  await succeed(...words(dna, output))
  const before = readFileSync(output)
  const again = await succeed(...words(dna, output))
  expect(again.stderr).toContain('this run has finished before')
  const other = await virnucpro(words(proteins, output))
  expect(other.stderr).toContain('finished run that cannot be continued with this command')
  expect(other.code).toBe(64)
  expect(readFileSync(output).equals(before)).toBe(true)
  await succeed(...words(proteins, output, '--force'))
  await requireRows(output, 'esm2', PROTEINS)
  expect(existsSync(folder.join('.virnucpro'))).toBe(true)
})
