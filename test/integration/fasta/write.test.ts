import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { FastaFileWriter, formatRecord } from '../../../src/fasta/index.ts'
import { VirnucproError } from '../../../src/system/errors.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { collect, scratch } from './support.ts'

const { folder } = scratch()
const bytes = (text: string) => Buffer.from(text)
const LENGTHS = [0, 1, 59, 60, 61, 119, 120, 121, 1000]
const RECORDS = LENGTHS.map((length, index) => ({
  id: `é"${index}_chunk_1F1`,
  sequence: 'ACGTN'.repeat(200).slice(0, length),
}))

test.skipIf(!hasPython)("wrapped at 60, a record is what Biopython's SeqIO.write makes of it", async () => {
  const program = `
import json, sys
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord
SeqIO.write([SeqRecord(Seq(r["sequence"]), id=r["id"], description="") for r in json.loads(sys.argv[1])], sys.argv[2], "fasta")
`
  const path = join(folder, 'biopython.fa')
  await runPython(program, JSON.stringify(RECORDS), path)
  const ours = RECORDS.map(({ id, sequence }) => formatRecord(id, bytes(sequence), { wrap: 60 }))
  expect(Buffer.concat(ours).toString()).toBe(readFileSync(path, 'utf8'))
})

test('one line a sequence', () => {
  expect(Buffer.from(formatRecord('a b', bytes('ACGT'))).toString()).toBe('>a b\nACGT\n')
  expect(Buffer.from(formatRecord('a', bytes(''))).toString()).toBe('>a\n\n')
  expect(Buffer.from(formatRecord('a', bytes(''), { wrap: 60 })).toString()).toBe('>a\n')
})

test.each([undefined, 60])('a file appears when it is complete (wrap %p)', async (wrap) => {
  const path = join(folder, `out_${wrap}.fa`)
  const options = wrap === undefined ? {} : { wrap }
  const writer = new FastaFileWriter(path, options)
  const long = 'ACGTN'.repeat(300_000)
  let expected = ''
  // Past the buffer several times, one record alone larger than it.
  for (let index = 0; index < 3000; index++) {
    const sequence = index === 1500 ? long : 'GATTACA'.repeat(index % 200)
    writer.append(`r${index}`, bytes(sequence))
    expected += Buffer.from(formatRecord(`r${index}`, bytes(sequence), options)).toString()
  }
  expect(existsSync(path)).toBe(false)
  writer.close()
  expect(readFileSync(path, 'utf8') === expected).toBe(true)
  expect([writer.bytes, writer.records]).toEqual([expected.length, 3000])
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  const read = await collect(path)
  expect(read.length).toBe(3000 - 15) // every 200th is empty
})

test('a file given up leaves nothing, and does not touch the one before it', () => {
  const path = join(folder, 'kept.fa')
  const writer = new FastaFileWriter(path)
  writer.append('old', bytes('A'))
  writer.close()
  {
    using abandoned = new FastaFileWriter(path)
    abandoned.append('new', bytes('C'))
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toHaveLength(1)
  }
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  expect(readFileSync(path, 'utf8')).toBe('>old\nA\n')
})

test('a folder that is not there is named', () => {
  expect(() => new FastaFileWriter(join(folder, 'no', 'x.fa'))).toThrow(VirnucproError)
  expect(() => new FastaFileWriter(join(folder, 'no', 'x.fa'))).toThrow(
    /cannot write .*no\/x\.fa: .*no such file or folder; /,
  )
})

test('a file that cannot be written to its end is named, and is not there', () => {
  const path = join(folder, 'full.fa')
  const program = `
    const { FastaFileWriter } = await import(${JSON.stringify(resolve(import.meta.dir, '../../../src/fasta/index.ts'))})
    using writer = new FastaFileWriter(${JSON.stringify(path)})
    writer.append('a', new Uint8Array(8000).fill(65))
    writer.close()`
  const limited = `trap '' XFSZ; ulimit -f 1; exec "$0" -e "$1"`
  const { exitCode, stderr } = Bun.spawnSync(['bash', '-c', limited, process.execPath, program])
  expect(exitCode).not.toBe(0)
  expect(stderr.toString()).toMatch(/cannot write .*full\.fa: /)
  expect(readdirSync(folder).filter((name) => name.includes('full') || name.endsWith('.tmp'))).toEqual([])
})
