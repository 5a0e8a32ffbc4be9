import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { CODES } from '../../../scripts/support/bam.ts'
import { damage, withBytes } from '../compressed.ts'
import { applied } from '../mutations.ts'
import { PythonReference } from '../python.ts'
import type { Target } from '../target.ts'
import { pieceSizes, readText } from '../text.ts'

/** Answers with `1` and a line for each primary record, name, tab and letters as sequenced; or `0` for what is damaged. */
const pysam = new PythonReference(String.raw`
import os, re
import pysam
pysam.set_verbosity(0)
PARTNERS = str.maketrans("ACMGRSVTWYHKDBN", "TGKCYSBAWRDMHVN")
descriptor = os.memfd_create("bam")
path = f"/proc/self/fd/{descriptor}"
def answer(data):
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
    lines = [b"1"]
    try:
        with pysam.AlignmentFile(path, "rb", check_sq=False) as file:
            for read in file.fetch(until_eof=True):
                if read.is_secondary or read.is_supplementary:
                    continue
                letters = read.query_sequence or ""
                if read.is_reverse:
                    letters = letters.translate(PARTNERS)[::-1]
                mate = {0x40: b"/1", 0x80: b"/2"}.get(read.flag & 0xC0, b"")
                try:
                    name = read.query_name.encode()
                except UnicodeDecodeError:
                    return b"2"
                lines.append(re.split(b"[\0-\x20]", name)[0] + mate + b"\t" + letters.encode())
    except (OSError, ValueError):
        return b"0"
    return b"\n".join(lines)
`)

interface Read {
  name: string
  letters: string
  flag: number
  reference: number
  cigar: readonly number[]
  tags: Uint8Array
}

/** A record as section 4.2 of the SAM specification lays it out. */
function written({ name, letters, flag, reference, cigar, tags }: Read): Uint8Array {
  const id = Buffer.from(`${name}\0`, 'latin1')
  const packed = Buffer.alloc((letters.length + 1) >> 1)
  for (const [i, letter] of [...letters].entries())
    packed[i >> 1]! |= CODES.indexOf(letter) << (i % 2 === 0 ? 4 : 0)
  const operations = Buffer.alloc(4 * cigar.length)
  for (const [i, operation] of cigar.entries()) operations.writeUInt32LE(operation, 4 * i)
  const rest = [id, operations, packed, Buffer.alloc(letters.length, 30), tags]
  const head = Buffer.alloc(36)
  head.writeInt32LE(32 + rest.reduce((sum, { length }) => sum + length, 0), 0)
  head.writeInt32LE(reference, 4)
  head.writeInt32LE(reference < 0 ? -1 : 7, 8)
  head.writeUInt8(id.length, 12)
  head.writeUInt16LE(cigar.length, 16)
  head.writeUInt16LE(flag, 18)
  head.writeInt32LE(letters.length, 20)
  head.writeInt32LE(-1, 24)
  head.writeInt32LE(-1, 28)
  return Buffer.concat([head, ...rest])
}

const REFERENCES = ['chr1', 'a|b']

function header(text: string): Uint8Array {
  const size = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    return bytes
  }
  return Buffer.concat([
    Buffer.from('BAM\x01', 'latin1'),
    size(text.length),
    Buffer.from(text),
    size(REFERENCES.length),
    ...REFERENCES.flatMap((name) => [size(name.length + 1), Buffer.from(`${name}\0`), size(1000)]),
  ])
}

const READ: fc.Arbitrary<Read> = fc
  .record({
    name: fc.stringMatching(/^[a-c]{1,2}$|^[!-?A-~]{1,40}$/),
    letters: fc.oneof(fc.stringMatching(/^[ACGT]{0,40}$/), fc.stringMatching(/^[=ACMGRSVTWYHKDBN]{0,21}$/)),
    flag: fc.constantFrom(4, 4, 77, 141, 0, 16, 83, 147, 0x100, 0x800, 16 | 0x900, 0xc1),
    reference: fc.integer({ min: -1, max: 1 }),
    isAligned: fc.boolean(),
    tags: fc.constantFrom('', 'XXi\x01\x02\x03\x04', 'NMC\x05', 'MDZ10A\0', 'YYBc\x02\0\0\0\x01\x02'),
  })
  .map(({ letters, isAligned, tags, ...read }) => ({
    ...read,
    letters,
    // One operation: that many letters match.
    cigar: isAligned && letters !== '' ? [letters.length << 4] : [],
    tags: Buffer.from(tags, 'latin1'),
  }))

/** The first of each name, as reading keeps them; records without letters are left out. */
function kept(lines: readonly string[]): string[] {
  const names = new Set<string>()
  return lines.filter((line) => {
    const [name = '', letters = ''] = line.split('\t')
    if (letters === '' || names.has(name)) return false
    names.add(name)
    return true
  })
}

/** The same lines by the layout alone, since pysam refuses contents, such as those of a CIGAR, that nobody here reads. */
function byLayout(bytes: Uint8Array): string[] | undefined {
  const file = Buffer.from(bytes)
  const lines: string[] = []
  try {
    let at = 8 + size(file, 4)
    const references = size(file, at)
    at += 4
    for (let i = 0; i < references; i++) at += 8 + size(file, at)
    while (at < file.length) {
      const end = at + 4 + size(file, at)
      if (end > file.length) return undefined
      const line = lineOf(file.subarray(at + 4, end), references)
      if (line !== '') lines.push(line)
      at = end
    }
    return at === file.length ? lines : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** @returns the line of a record; '' for one that is not primary @throws RangeError */
function lineOf(block: Buffer, references: number): string {
  const [nameSize, flags, letters] = [block.readUInt8(8), block.readUInt16LE(14), size(block, 16)]
  const start = 32 + nameSize + 4 * block.readUInt16LE(12)
  const ids = [block.readInt32LE(0), block.readInt32LE(20)]
  if (start + Math.ceil(letters / 2) + letters > block.length) throw new RangeError('too many letters')
  if (nameSize === 0 || block[31 + nameSize] !== 0) throw new RangeError('no end of the name')
  if (ids.some((id) => id < -1 || id >= references)) throw new RangeError('no such reference')
  if ((flags & 0x900) !== 0) return ''
  const codes = Array.from(
    { length: letters },
    (_, i) => (block[start + (i >> 1)]! >> (i % 2 === 0 ? 4 : 0)) & 15,
  )
  const isReverse = (flags & 16) !== 0
  const text = (isReverse ? codes.reverse() : codes)
    .map((code) => (isReverse ? PARTNERS : CODES)[code])
    .join('')
  const name = /^[^\0-\x20]*/.exec(block.toString('latin1', 32, 31 + nameSize))![0]
  return `${name}${{ 64: '/1', 128: '/2' }[flags & 0xc0] ?? ''}\t${text}`
}

const PARTNERS = '=TGKCYSBAWRDMHVN'

function size(bytes: Buffer, at: number): number {
  const value = bytes.readInt32LE(at)
  if (value < 0) throw new RangeError('a size is negative')
  return value
}

export const target: Target = {
  name: 'bam',
  about: 'BAM of any kind of record, whole, damaged or cut, in pieces, against pysam',
  weight: 2,
  property: () =>
    fc.asyncProperty(
      fc.constantFrom('', '@HD\tVN:1.6\n', '@HD\tVN:1.6\tSO:unknown\n@CO\ta comment\n'),
      fc.array(READ, { maxLength: 6 }),
      damage,
      pieceSizes,
      async (text, reads, damaged, sizes) => {
        const whole = Buffer.concat([header(text), ...reads.map(written)])
        const bytes = applied(damaged, whole, [{ name: 'whole', bytes: whole }])
        // Another format otherwise.
        fc.pre(Buffer.from(bytes).toString('latin1').startsWith('BAM\x01'))
        await withBytes(bytes, async () => {
          const found = readText(bytes, [], { onInvalid: 'skip' })
          deepStrictEqual(readText(bytes, sizes, { onInvalid: 'skip' }), found)
          const expected = byLayout(bytes)
          deepStrictEqual(found.error?.reason, expected === undefined ? 'corrupt_bam' : undefined)
          // A damaged name may be no UTF-8.
          if (expected === undefined || found.reports.some(({ reason }) => reason === 'invalid_utf8')) return
          const lines = found.records.map(
            ({ id, sequence }) => `${Buffer.from(id).toString('latin1')}\t${sequence}`,
          )
          deepStrictEqual(lines, kept(expected))
          const [state, ...read] = (await pysam.ask(bytes)).toString('latin1').split('\n')
          if (damaged.length === 0) deepStrictEqual(state, '1')
          if (state === '1') deepStrictEqual(lines, kept(read))
        })
      },
    ),
}
