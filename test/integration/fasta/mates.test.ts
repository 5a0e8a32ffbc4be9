import { expect, test } from 'bun:test'
import { readdirSync, symlinkSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { randomSource } from '../../../scripts/support/random.ts'
import type { InternalReadOptions } from '../../../src/fasta/read.ts'
import { collect, failure, scratch, skipping } from './support.ts'

const { folder, file } = scratch()
const fastq = (names: readonly string[], more = '') =>
  names.map((name) => `@${name}${more}\nACGT\n+\nIIII\n`).join('')
const NAMES = ['r1', 'r2', 'r3', 'r1x']

async function ids(inputs: string[], options: InternalReadOptions = {}): Promise<string[]> {
  return (await collect(inputs, options)).map(({ id }) => id)
}

test('two FASTQ files with the same names throughout are mates', async () => {
  const one = file('R1.fq', fastq(NAMES, ' 1:N:0'))
  const two = file('R2.fq.gz', gzipSync(fastq(NAMES, ' 2:N:0')))
  const expected = [...NAMES.map((name) => `${name}/1`), ...NAMES.map((name) => `${name}/2`)]
  for (const onInvalid of ['auto', 'skip', 'fail'] as const) {
    const mates: string[] = []
    const onMates = (a: string, b: string) => mates.push(a, b)
    expect(await ids([one, two], { onInvalid, onMates, readBytes: 11 })).toEqual(expected)
    expect(mates).toEqual([one, two])
  }
  // Other inputs may stand between them, and be mates of their own.
  const [three, four] = [file('L2_R1.fq', fastq(['x'])), file('L2_R2.fq', fastq(['x']))]
  expect(await ids([one, three, two, four, file('c.fa', '>c\nA\n')])).toEqual(
    [NAMES.map((name) => `${name}/1`), 'x/1', NAMES.map((name) => `${name}/2`), 'x/2', 'c'].flat(),
  )
})

test.each([
  ['one more at the end', fastq([...NAMES, 'r4'])],
  ['another order', fastq(['r1', 'r3', 'r2', 'r1x'])],
  ['FASTA', NAMES.map((name) => `>${name}\nAC\n`).join('')],
])('names that do not repeat pairwise, %s, are duplicates', async (_, text) => {
  const [one, two] = [file('one.fq', fastq(NAMES)), file('two.fq', text)]
  expect((await failure([one, two])).reason).toBe('duplicate_id')
  expect(await ids([one, two], { duplicateIds: 'skip' })).toEqual([
    ...new Set([...NAMES, ...(text.includes('r4') ? ['r4'] : [])]),
  ])
})

test('a third file with the same names makes none of them mates', async () => {
  const inputs = [1, 2, 3].map((number) => file(`same_${number}.fq`, fastq(NAMES)))
  expect((await failure(inputs)).reason).toBe('duplicate_id')
})

test('a file that is given twice, under whatever name, is no mate of itself', async () => {
  const one = file('twice.fq', fastq(NAMES))
  const other = `${one}.link.fq`
  symlinkSync(one, other)
  for (const second of [one, other]) expect((await failure([one, second])).reason).toBe('duplicate_id')
})

test('a suffix never makes a name that exists, before or after', async () => {
  const path = file('suffix.fa', '>a\nA\n>a x\nC\n>a_2\nG\n>a\nT\n>a_3\nA\n>a_2\nC\n>b\nA\n>\nA\n>\nC\n')
  const { records, reports } = await skipping(path, { onInvalid: 'auto', duplicateIds: 'suffix' })
  expect(records.map(({ id }) => id)).toEqual(['a', 'a_4', 'a_2', 'a_5', 'a_3', 'a_2_2', 'b', '', '_2'])
  const renamed = reports.filter(({ reason }) => reason === 'duplicate_id')
  expect(renamed.map(({ id, line, outcome }) => [id, line, outcome])).toEqual([
    ['a', 3, 'kept'],
    ['a', 7, 'kept'],
    ['a_2', 11, 'kept'],
    ['', 17, 'kept'],
  ])
  expect(renamed[0]?.message).toBe(`${path}:3: duplicate id "a", first at ${path}:1; it is called "a_4"`)
})

test('suffixes are unique whatever the names are, and the rest keeps its own', async () => {
  const random = randomSource(3)
  for (let round = 0; round < 20; round++) {
    const names = Array.from({ length: 200 }, () =>
      String(['a', 'b', 'a_2', 'a_2_2', 'b_3', 'c'][Math.floor(random() * 6)]).concat(
        random() < 0.3 ? `_${Math.floor(random() * 30)}` : '',
      ),
    )
    const found = await ids([file('random.fa', names.map((name) => `>${name}\nA\n`).join(''))], {
      duplicateIds: 'suffix',
    })
    expect(new Set(found).size).toBe(names.length)
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) === i) expect(found[i]).toBe(name)
      else expect(found[i]).toMatch(new RegExp(`^${name}_\\d+$`))
    }
  }
})

test('how duplicates are treated is said apart from what is invalid', async () => {
  const path = file('both.fa', '>a\nA\n>a\nC\n>e\n>b\nA\n')
  expect((await failure(path, { onInvalid: 'skip', duplicateIds: 'fail' })).reason).toBe('duplicate_id')
  expect(await ids([path], { duplicateIds: 'skip' })).toEqual(['a', 'b'])
  expect(await ids([path], { onInvalid: 'skip' })).toEqual(['a', 'b'])
  expect(await ids([path], { onInvalid: 'skip', duplicateIds: 'suffix' })).toEqual(['a', 'a_2', 'b'])
})

test('streams are kept for a second pass where names decide, and nothing stays behind', async () => {
  const program = file(
    'names.ts',
    `import { readSequences } from ${JSON.stringify(`${import.meta.dir}/../../../src/fasta/index.ts`)}
    const ids = []
    const options = { tempDir: ${JSON.stringify(folder)}, duplicateIds: process.argv[2] }
    for await (const batch of readSequences(process.argv.slice(3), options)) ids.push(...batch.map(({ id }) => id))
    console.log(ids.join(' '))`,
  )
  const one = file('s1.fq', fastq(NAMES))
  const two = file('s2.fq', fastq(NAMES))
  const read = async (words: string) => {
    const child = Bun.spawn(['bash', '-c', `"$0" ${program} ${words}`, process.execPath], { stdout: 'pipe' })
    return (await new Response(child.stdout).text()).trim()
  }
  const mates = [...NAMES.map((name) => `${name}/1`), ...NAMES.map((name) => `${name}/2`)].join(' ')
  expect(await read(`fail <(cat ${one}) <(gzip -c ${two})`)).toBe(mates)
  expect(await read(`fail ${one} - < <(cat ${two})`)).toBe(mates)
  expect(await read(`suffix <(cat ${one} ${two})`)).toBe(
    `${NAMES.join(' ')} ${NAMES.map((name) => `${name}_2`).join(' ')}`,
  )
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
})
