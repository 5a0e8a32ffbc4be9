import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import type { OnInvalid } from '../../../src/fasta/index.ts'
import { mutated } from '../mutations.ts'
import type { Target } from '../target.ts'
import { fastaText, fastqText, pieceSizes, readText, realTexts } from '../text.ts'
import { reported, TextModel } from '../text-model.ts'

/** Proteins: what is read and reported does not depend on the pieces, and records are a part of those of the text. */
function checkProteins(text: Uint8Array, sizes: readonly number[], onInvalid: OnInvalid): void {
  const whole = readText(text, [], { onInvalid, alphabet: 'protein' })
  deepStrictEqual(readText(text, sizes, { onInvalid, alphabet: 'protein' }), whole)
  if (whole.error !== undefined) return
  const { drafts } = new TextModel(Buffer.from(text).toString('latin1'))
  for (const { id, sequence, line } of whole.records) {
    const draft = drafts.find((one) => one.line === line)
    // A stop codon at the end is no letter.
    deepStrictEqual(
      { id, sequence, line },
      draft && { ...draft, sequence: draft.sequence.replace(/\*$/, '') },
    )
  }
}

function check(text: Uint8Array, sizes: readonly number[], onInvalid: OnInvalid): void {
  const { events } = new TextModel(Buffer.from(text).toString('latin1'))
  const whole = readText(text, [], { onInvalid })
  // Where a piece ends must not matter, to the last word of a message.
  deepStrictEqual(readText(text, sizes, { onInvalid }), whole)
  const { reports, fault } = reported(events, onInvalid)
  deepStrictEqual(
    whole.reports.map(({ reason, line, id }) => ({ reason, line, id })),
    reports,
  )
  const { error, records } = whole
  deepStrictEqual(error && { reason: error.reason, line: error.line, id: error.id }, fault)
  if (fault !== undefined) return
  deepStrictEqual(
    records.map(({ id, ...rest }) => ({ record: id, ...rest })),
    events.filter((event) => 'record' in event),
  )
}

export const target: Target = {
  name: 'text',
  about:
    'FASTA and FASTQ, made and mutated, in pieces and for each policy, against a model that sees the whole text',
  weight: 3,
  property: () => {
    const text = fc.oneof(
      fastaText,
      fastqText,
      mutated(realTexts(), {
        tokens: ['>', '@', '+', '\n', '\r', '\r\n', '\n>', '\n@', '\n+\n', ' ', '\xef\xbb\xbf', 'N', '-'],
        mostBytes: 1500,
      }).map(({ bytes }) => bytes),
    )
    const policy = fc.constantFrom<OnInvalid[]>('skip', 'skip', 'auto', 'fail')
    return fc.property(text, pieceSizes, policy, (content, sizes, onInvalid) => {
      try {
        check(content, sizes, onInvalid)
        checkProteins(content, sizes, onInvalid)
      } catch (error) {
        throw new Error(
          `${(error as Error).message}\n${JSON.stringify(Buffer.from(content).toString('latin1'))}`,
        )
      }
    })
  },
}
