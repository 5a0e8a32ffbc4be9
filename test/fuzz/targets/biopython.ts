import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { withBytes } from '../compressed.ts'
import { PythonReference } from '../python.ts'
import type { Target } from '../target.ts'
import { pieceSizes, plainFasta, plainFastq, readText } from '../text.ts'

/** Answers with the records as JSON, or `null` for a text that Biopython refuses. */
const biopython = new PythonReference(`
import io, json
from Bio import SeqIO
def answer(data):
    try:
        text = io.TextIOWrapper(io.BytesIO(data[5:]), encoding="utf-8-sig")
        kind = data[:5].decode()
        return json.dumps([[r.id, str(r.seq)] for r in SeqIO.parse(text, kind)]).encode()
    except (ValueError, IndexError):
        return b"null"
`)

/** Reasons for which a record is left out, and what Biopython reads in another way on purpose. */
const DIFFERENT = new Set([
  'duplicate_id',
  'empty_record',
  'protein',
  'binary',
  'non_ascii',
  'invalid_utf8',
  'text_before_first_record',
  'malformed_fastq',
  'byte_order_mark',
  'empty_file',
  // Headers to the parser of FASTQ, which knows no blanks.
  'header_after_blank',
])

export const target: Target = {
  name: 'biopython',
  about: 'FASTA and FASTQ in which nothing is left out, in pieces, against Biopython',
  weight: 2,
  property: () =>
    fc.asyncProperty(
      fc.constantFrom('fasta', 'fastq'),
      plainFasta,
      plainFastq,
      pieceSizes,
      async (...input) => {
        const [kind, fasta, fastq, sizes] = input
        const text = kind === 'fasta' ? fasta : fastq
        const found = readText(text, sizes, { onInvalid: 'skip' })
        fc.pre(text[0] === (kind === 'fasta' ? 0x3e : 0x40))
        fc.pre(!found.reports.some(({ reason }) => DIFFERENT.has(reason)))
        await withBytes(text, async () => {
          const answer = await biopython.ask(Buffer.concat([Buffer.from(kind), text]))
          const records = JSON.parse(answer.toString()) as [string, string][] | null
          // Of FASTQ it refuses qualities that are none, which nobody here reads.
          if (records === null && kind === 'fastq') return
          deepStrictEqual(
            found.records.map(({ id, sequence }) => [id, sequence]),
            // It keeps blanks other than spaces.
            records?.map(([id, sequence]) => [id, sequence.replaceAll(/[\t\v\f]/g, '')]) ?? null,
          )
        })
      },
    ),
}
