import { beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { bam, bgzip, CODES, record } from '../../../scripts/support/bam.ts'
import { hasPython, python } from '../../support/python.ts'
import { collect, failure, scratch, skipping } from './support.ts'

const { folder, file } = scratch()

const flat = (records: readonly { id: string; sequence: string }[]) =>
  records.map(({ id, sequence }) => [id, sequence])

describe.skipIf(!hasPython)('as pysam and samtools read it', () => {
  let expected: Record<string, { pysam: [string, string][]; samtools: string }> = {}
  beforeAll(async () => {
    const child = Bun.spawn([python, join(import.meta.dir, 'make_bam.py'), folder], { stderr: 'pipe' })
    const text = await new Response(child.stdout).text()
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text())
    expected = JSON.parse(text)
  })

  test.each(['unaligned.ubam', 'stored.bam', 'paired.bam', 'odd.bam', 'absent.bam'])('%s', async (name) => {
    const { pysam, samtools } = expected[name]!
    const fasta = [...samtools.matchAll(/^>(.*)\n(.*)\n/gm)].map(([, id, letters]) => [id, letters])
    expect(pysam).toEqual(fasta as [string, string][])
    const whole = pysam.filter(([, sequence]) => sequence !== '')
    expect(whole.length).toBeGreaterThan(1)
    // Many boundaries of what is read at once, inside of every part of a record.
    for (const readBytes of [undefined, 97, 4096])
      expect(flat(await collect(join(folder, name), readBytes ? { readBytes } : {}))).toEqual(whole)
  })

  test('however it is compressed', async () => {
    const text = gunzipSync(readFileSync(join(folder, 'paired.bam')))
    const records = expected['paired.bam']!.pysam
    for (const [name, content] of [
      ['plain.bam', text],
      ['gzip.bam', gzipSync(text)],
      ['zstd.bam', zstdCompressSync(text)],
      ['small-blocks.bam', bgzip(text, 11)],
    ] as const)
      expect(flat(await collect(file(name, content)))).toEqual(records)
  })

  test('records without a sequence are left out and reported by their number', async () => {
    const { records, reports } = await skipping(join(folder, 'absent.bam'), { onInvalid: 'auto' })
    expect(records.map(({ id, line }) => `${id} ${line}`)).toEqual(['here 1', 'last 4'])
    expect(reports.map(({ id, line, reason, message }) => [id, line, reason, message])).toEqual([
      ['gone', 2, 'empty_record', `${join(folder, 'absent.bam')}, record 2: record "gone" has no sequence`],
      [
        'pair/1',
        3,
        'empty_record',
        `${join(folder, 'absent.bam')}, record 3: record "pair/1" has no sequence`,
      ],
    ])
  })

  test('secondary and supplementary records are counted', async () => {
    const passed: number[] = []
    await collect(join(folder, 'paired.bam'), { onPassedOver: (_, records) => passed.push(records) })
    expect(passed).toEqual([90])
  })

  test.each(['none.bam', 'secondary.bam'])('%s is a sample without reads', async (name) => {
    const { records, reports } = await skipping(join(folder, name), { onInvalid: 'auto' })
    expect(records).toEqual([])
    expect(reports).toMatchObject([{ reason: 'empty_file', outcome: 'noted' }])
    expect((await failure(join(folder, name), { onInvalid: 'fail' })).reason).toBe('empty_file')
  })

  test('cut off anywhere, it is an error that names the file and the place', async () => {
    const whole = readFileSync(join(folder, 'odd.bam'))
    for (let end = 30; end < whole.length; end += 41) {
      const path = file('cut.bam', whole.subarray(0, end))
      const { message, reason } = await failure(path)
      expect(message).toStartWith(path)
      expect(['missing_bgzf_end', 'corrupt_compression']).toContain(reason)
    }
    const text = gunzipSync(whole)
    for (let end = 30; end < text.length; end += 113) {
      const path = file('cut-inside.bam', bgzip(text.subarray(0, end)))
      // At the end of a record nothing is missing.
      const records = await collect(path).catch((error: Error) => error.message)
      if (typeof records === 'string') expect(records).toMatch(/cut-inside\.bam: .* (its header|record \d+)/)
      else expect(end).toBe(endOfRecord(text, end))
    }
  })

  test('a changed byte is noticed', async () => {
    const whole = readFileSync(join(folder, 'odd.bam'))
    for (let at = 40; at < whole.length - 28; at += 59) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 0x10
      const path = file('flipped.bam', damaged)
      const found = await collect(path).catch((error: Error) => error.message)
      // The time in the header of a block, for one, is of no account.
      if (typeof found === 'string') expect(found).toStartWith(path)
      else expect(flat(found)).toEqual(expected['odd.bam']!.pysam)
    }
  })
})

/** Where the record ends in which, or behind which, a place of BAM is. */
function endOfRecord(text: Buffer, place: number): number {
  let at = 8 + text.readInt32LE(4)
  let references = text.readInt32LE(at)
  for (at += 4; references > 0; references--) at += 8 + text.readInt32LE(at)
  while (at < place) at += 4 + text.readInt32LE(at)
  return at
}

test('names, strands and letters', async () => {
  const content = bam(
    record('plain', 'ACGTN'),
    record('turned', `AAC${CODES}`, { flag: 16 | 0x40 }),
    record('with a blank', 'ACG', { flag: 4 | 0x80 }),
    record('ü', 'ACG'),
  )
  expect(flat(await collect(file('by-hand.bam', bgzip(content))))).toEqual([
    ['plain', 'ACGTN'],
    ['turned/1', 'NVHMDRWABSYCKGT=GTT'],
    ['with/2', 'ACG'],
    ['ü', 'ACG'],
  ])
})

test.each<[string, Buffer]>([
  ['a size below that of its fields', record('a', 'ACGT', { size: 20 })],
  ['a negative size', record('a', 'ACGT', { size: -5 })],
  ['more letters than the record has room for', record('a', 'ACGT', { letters: 1 << 30 })],
  ['a negative number of letters', record('a', 'ACGT', { letters: -1 })],
  ['a reference that there is not', record('a', 'ACGT', { reference: 0 })],
  ['a name without an end', Buffer.from(record('a', 'ACGT')).fill(65, 36, 38)],
])('%s is damage, and names the record', async (_, damaged) => {
  const path = file('damaged.bam', bgzip(bam(record('sound', 'ACGT'), damaged, record('b', 'ACGT'))))
  for (const onInvalid of ['auto', 'skip'] as const) {
    const { message, reason, line } = await failure(path, { onInvalid })
    expect({ reason, line }).toEqual({ reason: 'corrupt_bam', line: 2 })
    expect(message).toContain(`${path}: the BAM data is damaged or cut off in record 2: `)
  }
})

test('without its end marker a file is refused before a record is read, unless the rest is wanted', async () => {
  const path = file('no-end.bam', bgzip(bam(record('a', 'ACGT'), record('b', 'ACGT')), 1000, false))
  let records = 0
  const error = await failure(path, { onInputRead: () => void records++ })
  expect(error).toMatchObject({ reason: 'missing_bgzf_end', line: undefined })
  expect(error.message).toContain(`${path}: the BAM end marker is missing`)
  expect(records).toBe(0)
  const found = await skipping(path)
  expect(found.records.map(({ id }) => id)).toEqual(['a', 'b'])
  expect(found.reports).toMatchObject([{ reason: 'missing_bgzf_end', line: 2, outcome: 'noted' }])
  // Beside other inputs it is found before the first of them is read.
  const first = file('first.fa', '>x\nACGT\n')
  expect((await failure([first, path])).reason).toBe('missing_bgzf_end')
})

test('an id that is there twice is named with the places of both, in whatever form they are', async () => {
  const path = file('twice.bam', bgzip(bam(record('x', 'ACGT'), record('x', 'ACGTA'))))
  const { message } = await failure(path)
  expect(message).toStartWith(`${path}, record 2: duplicate id "x", first at ${path}, record 1;`)
  const fasta = file('same.fa', '>y\nAC\n>x\nACGT\n')
  expect((await failure([fasta, path])).message).toStartWith(
    `${path}, record 1: duplicate id "x", first at ${fasta}:3;`,
  )
  const names = await collect([path, fasta], { duplicateIds: 'suffix' })
  expect(names.map(({ id }) => id)).toEqual(['x', 'x_2', 'y', 'x_3'])
})

test.each([
  ['reads.sam', '@HD\tVN:1.6\nr\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII\n'],
  ['reads.cram', 'CRAM\x03\x00'],
])('%s is refused with the command that converts it', async (name, content) => {
  expect((await failure(file(name, content))).message).toMatch(/samtools fasta.*samtools view -b/)
})
