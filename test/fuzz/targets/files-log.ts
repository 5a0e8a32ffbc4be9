import { expect } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { FileRecord } from '../../../src/checkpoint/index.ts'
import { RecordError, RecordLog } from '../../../src/checkpoint/record-log.ts'
import { mutated } from '../mutations.ts'
import { edited } from '../references/json-edits.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

const LINES = [
  ['folder', '.virnucpro/run'],
  ['begin', '.virnucpro/run/.virnucpro-1a2b.tmp'],
  ['appear', '.virnucpro/run/run.json', '.virnucpro/run/.virnucpro-1a2b.tmp', '12345'],
  ['made', '.virnucpro/run/run.json'],
  ['begin', 'Größe_results/.virnucpro-3c4d.tmp'],
  ['appear', 'Größe_results/contigs.tsv', 'Größe_results/.virnucpro-3c4d.tmp', '12346'],
  ['made', 'Größe_results/contigs.tsv'],
  ['go', '.virnucpro/run/run.json'],
  ['gone', '.virnucpro/run/run.json'],
]

/** A log by the description of its format, without our writer. */
function logOf(lines: readonly string[]): Buffer {
  let crc = 0
  const texts = ['virnucpro files 1', ...lines].map((line) => {
    crc = crc32(line, crc)
    return `${crc.toString(16).padStart(8, '0')} ${line}\n`
  })
  return Buffer.from(texts.join(''))
}

const WRITTEN = LINES.map((line) => JSON.stringify(line))
const SEEDS = [1, 3, WRITTEN.length].map((count) => ({
  name: `${count} lines`,
  bytes: logOf(WRITTEN.slice(0, count)),
}))

async function unless<T>(work: Promise<T>): Promise<T | RecordError> {
  return await work.catch((error: unknown) => {
    if (error instanceof RecordError) return error
    throw error
  })
}

/** A log that was damaged gives lines that were written, from the first on; only the last one may be lost without a word. */
async function damaged(path: string, bytes: Uint8Array): Promise<void> {
  writeFileSync(path, bytes)
  const found: string[] = []
  const isThere = await unless(new RecordLog(path).read((line) => found.push(line)))
  if (isThere !== true) return
  expect(found).toEqual(WRITTEN.slice(0, found.length))
  const rest = Buffer.from(bytes).subarray(bytes.length === 0 ? 0 : logOf(found).length)
  expect([-1, rest.length - 1]).toContain(rest.indexOf('\n'))
}

/** A log with right checksums says nothing of files outside the output folder. */
async function forged(root: string, path: string, lines: readonly unknown[]): Promise<void> {
  writeFileSync(path, logOf(lines.map((line) => JSON.stringify(line) ?? 'nothing')))
  const found = await unless(FileRecord.read({ root, state: join(path, '..') }))
  if (found instanceof RecordError || found === undefined) return
  for (const file of [...found.files(), ...found.unfinishedFiles()])
    expect(`${file}${sep}`.startsWith(root + sep) && !file.includes('\0')).toBe(true)
}

export const target: Target = {
  name: 'files-log',
  about:
    'the record of files of a run, damaged or forged: lines that were written, from the first on, and no name outside the folder, or a RecordError',
  weight: 1,
  property() {
    const root = join(new Scratch().folder, 'out')
    const state = join(root, '.virnucpro/run')
    mkdirSync(state, { recursive: true })
    const path = join(state, 'files.log')
    const cases = fc.oneof(
      mutated(SEEDS, { tokens: ['\n', '["', 'virnucpro files 1'] }).map(({ bytes }) => ({
        bytes,
        lines: [] as unknown[],
      })),
      edited([LINES]).map((lines) => ({ bytes: undefined, lines: lines as unknown[] })),
    )
    return fc.asyncProperty(cases, async ({ bytes, lines }) =>
      bytes === undefined ? await forged(root, path, lines) : await damaged(path, bytes),
    )
  },
}
