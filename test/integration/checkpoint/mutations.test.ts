// Files get cut off and overwritten, and some are made to do harm. None of them crashes, hangs, runs code, fills the
// memory or gives a wrong vector: 10,000 and more, the same in every run.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { type LegacyContent, readLegacyFile } from '../../../src/legacy/index.ts'
import type { FeatureTable } from '../../../src/torchfile/index.ts'
import { TorchZipWriter } from '../../../src/torchfile/zip-writer.ts'
import { referenceRuns } from '../../support/reference.ts'
import { randomNumbers, smallFiles } from './support/tables.ts'

// Thousands of small files, on a loaded machine.
setDefaultTimeout(120_000)

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virnucpro-mutations-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Reads bytes as a file; any error thrown fails the test. */
async function outcome(bytes: Uint8Array): Promise<LegacyContent> {
  const path = join(folder, 'output_1_ESM.pt')
  writeFileSync(path, bytes)
  return await readLegacyFile(path, 'vanilla')
}

function isSame(a: FeatureTable | undefined, b: FeatureTable | undefined): boolean {
  if (a === undefined || b === undefined) return false
  const bytes = ({ rows }: FeatureTable) => Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength)
  return a.dim === b.dim && a.ids.join('\n') === b.ids.join('\n') && bytes(a).equals(bytes(b))
}

test('every single changed byte of a file is noticed (5,700 files)', async () => {
  const random = randomNumbers(4)
  let files = 0
  for (const bytes of Object.values(await smallFiles({ stamp: true }))) {
    expect((await outcome(bytes)).file.problem).toBeUndefined()
    for (let at = 0; at < bytes.length; at++) {
      const mutant = bytes.slice()
      mutant[at] = (bytes[at] ?? 0) ^ (1 + random(255))
      const { file, table } = await outcome(mutant)
      if (file.problem === undefined || table !== undefined) throw new Error(`byte ${at} is not noticed`)
      files++
    }
  }
  expect(files).toBeGreaterThan(5_700)
})

test('cut off, doubled, shifted and overwritten files are refused or read as before (2,500 files)', async () => {
  const random = randomNumbers(20251122)
  const ofRuns = referenceRuns.flatMap(({ output }) =>
    [
      'contigs_nucleotide/output_7_DNABERT_S.pt',
      'contigs_protein/output_7_ESM.pt',
      'contigs_merged/output_7_merged.pt',
    ].map((name) => new Uint8Array(readFileSync(join(output, name)))),
  )
  const originals = [...Object.values(await smallFiles()), ...ofRuns]
  const wanted: (FeatureTable | undefined)[] = []
  for (const bytes of originals) wanted.push((await outcome(bytes)).table)
  const seen = { refused: 0, same: 0 }
  for (let round = 0; round < 2_500; round++) {
    const which = random(originals.length)
    const original = originals[which] as Uint8Array
    const { table } = await outcome(mutated(original, random))
    if (table === undefined) seen.refused++
    else if (isSame(table, wanted[which])) seen.same++
    else throw new Error(`round ${round}: wrong data`)
  }
  expect(seen.refused).toBeGreaterThan(2_300)
})

function mutated(original: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = original.slice()
  const at = random(bytes.length)
  const other = random(bytes.length)
  const length = 1 + random(200)
  switch (random(7)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return bytes.subarray(at)
    case 2: // A hole, as a crash of the machine leaves it.
      return bytes.fill(0, at, at + length)
    case 3:
      return bytes.copyWithin(at, other, other + length)
    case 4: // Bytes lost in the middle.
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(other, other + length), bytes.subarray(at)])
    default:
      for (let i = 0; i <= random(8); i++) bytes[random(bytes.length)] = random(256)
      return bytes
  }
}

/** A zip file as torch lays it out, with true checksums, around any pickle. */
async function zipOf(pickle: Uint8Array, storages: readonly Uint8Array[] = [], archive = 'output_1_ESM') {
  const chunks: Uint8Array[] = []
  const zip = new TorchZipWriter(archive, (chunk) => void chunks.push(chunk.slice()))
  await zip.member('data.pkl', [pickle])
  for (const [key, bytes] of storages.entries()) await zip.member(`data/${key}`, [bytes])
  await zip.member('version', [Buffer.from('3\n')])
  await zip.finish()
  return Buffer.concat(chunks)
}

/** The pickle inside a file of ours. */
function pickleOf(bytes: Uint8Array): Uint8Array {
  const start = Buffer.from(bytes).indexOf('\x80\x02', 0, 'latin1')
  return bytes.subarray(start, Buffer.from(bytes).indexOf('PK\x07\x08', start, 'latin1'))
}

test('mutated pickles with true checksums end in an answer (2,000 files)', async () => {
  const random = randomNumbers(77)
  const before = process.memoryUsage().rss
  const files = await smallFiles()
  const storage = new Uint8Array(16)
  const pickles = [pickleOf(files.dnabert), pickleOf(files.esm), pickleOf(files.merged)]
  let refused = 0
  for (let round = 0; round < 2_000; round++) {
    const pickle = mutated(pickles[round % 3] as Uint8Array, random)
    const storages =
      round % 3 === 0 ? [] : round % 3 === 1 ? [storage, storage, storage] : [new Uint8Array(84)]
    const { file, table } = await outcome(await zipOf(pickle, storages))
    // What comes through is at least consistent: as many rows as ids, and no id twice.
    if (table === undefined) refused++
    else expect(table.rows.length).toBe(new Set(file.ids).size * table.dim)
  }
  expect(refused).toBeGreaterThan(1_000)
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * 2 ** 20)
})

const text = (value: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(value.length)
  return `X${length.toString('latin1')}${value}`
}
const latin = (value: string) => Buffer.from(value, 'latin1')

const attacks: [string, string][] = [
  'os',
  'posix',
  'nt',
  'subprocess',
  'builtins',
  '__builtin__',
  'pty',
  'runpy',
].flatMap((module) =>
  ['system', 'popen', 'Popen', 'eval', 'exec', '__import__', 'spawn', 'run_path'].map(
    (name): [string, string] => [`${module}.${name}`, `c${module}\n${name}\n`],
  ),
)

test('pickles that would run code in Python run none here and are refused (192 files)', async () => {
  const witness = join(folder, 'witness')
  for (const [name, callable] of attacks) {
    const argument = text(`touch ${witness}`)
    const calls = [
      `\x80\x02${callable}${argument}\x85R.`,
      // Hidden in an otherwise proper file.
      `\x80\x02}(${text('proteins')}]${text('data')}]${text('x')}${callable}(${argument}tRu.`,
      // By the opcodes that make instances.
      `\x80\x02}(${text('proteins')}]${text('data')}]${text('x')}${callable}${argument}\x85\x81u.`,
    ]
    for (const pickle of calls) {
      const { file, table } = await outcome(await zipOf(latin(pickle)))
      expect([name, table]).toEqual([name, undefined])
      expect(file.problem).toContain('not allowed')
      // It may be somebody's own file: it is refused, but not called damaged.
      expect(file.damaged).toBe(false)
    }
  }
  expect(existsSync(witness)).toBe(false)
})

test('a few bytes that claim gigabytes are refused before anything is allocated', async () => {
  const before = process.memoryUsage().rss
  const ids = (n: number) => `](${text('a')}${Array.from({ length: n }, (_, i) => text(`s${i}`)).join('')}e`
  const tensor = (shape: string, stride: string) =>
    `ctorch._utils\n_rebuild_tensor_v2\n((${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}K\x01tQK\x00(${shape}t(${stride}t\x89ccollections\nOrderedDict\n)RtR`
  const huge = 'J\x00\x00\x00\x40'
  const bombs: Record<string, string> = {
    // One value stretched to 2^30 by a stride of zero.
    'stretched tensor': `\x80\x02}(${text('proteins')}](${text('a')}e${text('data')}](${tensor(huge, 'K\x00')}eu.`,
    'stretched matrix': `\x80\x02}(${text('ids')}](${text('a')}e${text('data')}${tensor(`K\x01${huge}`, 'K\x00K\x00')}u.`,
    // One list of 1,000 numbers, named 4,000 times.
    'shared rows': `\x80\x02]q\x01(${'K\x01'.repeat(1_000)}e0}(${text('nucleotide')}${ids(3_999)}${text('data')}](${Array.from(
      { length: 4_000 },
      (_, i) => `}(${text('label')}${text(i === 0 ? 'a' : `s${i - 1}`)}${text('mean_representation')}h\x01u`,
    ).join('')}eu.`,
    'numpy of 2^40 values': `\x80\x04}(${text('sequence_ids')}](${text('a')}e${text('embeddings')}cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01${huge}K\x01\x86cnumpy\ndtype\n(${text('f4')}\x89\x88tR\x89C\x00tbu.`,
  }
  for (const [name, pickle] of Object.entries(bombs)) {
    const { file, table } = await outcome(await zipOf(latin(pickle), [new Uint8Array(4)]))
    expect([name, table]).toEqual([name, undefined])
    expect(file.problem).toBeString()
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
})

/** A zip file of compressed members, as ordinary zip programs write it. */
function deflatedZip(members: readonly [string, Uint8Array][]): Uint8Array {
  const parts: Uint8Array[] = []
  const central: Uint8Array[] = []
  let offset = 0
  for (const [name, content] of members) {
    const packed = deflateRawSync(content)
    const header = Buffer.alloc(30)
    header.writeUInt32LE(0x04034b50, 0)
    header.writeUInt16LE(8, 8)
    header.writeUInt32LE(Bun.hash.crc32(content), 14)
    header.writeUInt32LE(packed.length, 18)
    header.writeUInt32LE(content.length, 22)
    header.writeUInt16LE(name.length, 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    header.copy(entry, 8, 6, 28)
    entry.writeUInt16LE(name.length, 28)
    entry.writeUInt32LE(offset, 42)
    central.push(entry, Buffer.from(name))
    parts.push(header, Buffer.from(name), packed)
    offset += 30 + name.length + packed.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(members.length, 8)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, directory, end])
}

test('zip bombs and members that point out of the folder do nothing', async () => {
  const before = process.memoryUsage().rss
  const pickle = pickleOf((await smallFiles()).esm)
  const storage = new Uint8Array(16)
  const names = [
    '../../outside',
    '/etc/cron.d/x',
    '..\\..\\outside',
    'a/../../b',
    'C:\\x',
    '~/.bashrc',
    'a\0b',
  ]
  const around = join(folder, '..')
  const seen = new Set(readdirSync(around))
  for (const name of names) {
    const zip = deflatedZip([
      ['output_1_ESM/data.pkl', pickle],
      ['output_1_ESM/data/0', storage],
      [name, latin('content')],
    ])
    expect((await outcome(zip)).table).toBeUndefined()
    const archive = name.replaceAll('/', '_')
    expect((await outcome(await zipOf(pickle, [], archive))).table).toBeUndefined()
  }
  expect(readdirSync(around).filter((name) => /outside|bashrc/.test(name) && !seen.has(name))).toEqual([])
  expect(readdirSync(folder)).toEqual(['output_1_ESM.pt'])
  // 200 MB of brackets, each a list: reading them would take many gigabytes.
  const bomb = deflatedZip([['output_1_ESM/data.pkl', new Uint8Array(200_000_000).fill(0x5d)]])
  expect((await outcome(bomb)).table).toBeUndefined()
  expect(process.memoryUsage().rss - before).toBeLessThan(600 * 2 ** 20)
})
