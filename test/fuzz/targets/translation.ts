import { deepStrictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { chunkBounds, openFrames } from '../../../src/sequence/index.ts'
import { PythonReference } from '../python.ts'
import type { Target } from '../target.ts'

/** The original's chunking and translation, retold in Python: a line for each chunk and frame. */
const original = () =>
  new PythonReference(`
${readFileSync(resolve(import.meta.dir, '../../data/original/frames.py'), 'utf8').replace('__name__ == "__main__"', 'False')}
def answer(data):
    size, keep_empty, sequence = data.decode().split("\\t")
    lines = []
    for index, start, chunk in chunks(sequence, int(size)):
        lines.append(f"{index} {start} {start + len(chunk)}")
        lines.extend(" ".join(frame) for frame in frames(chunk, keep_empty == "true"))
    return "\\n".join(lines).encode()
`)

const latin1 = (letters: Uint8Array) => Buffer.from(letters).toString('latin1')

function ours(sequence: string, size: number, keepEmpty: boolean): string[] {
  const record = Buffer.from(sequence)
  return chunkBounds(record.length, size).flatMap(({ index, start, end }) => [
    `${index} ${start} ${end}`,
    ...openFrames(record.subarray(start, end), { keepEmpty }).map(
      ({ frame, nucleotide, protein }) => `${frame} ${latin1(nucleotide)} ${latin1(protein)}`,
    ),
  ])
}

const letters = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength, size: 'max' })

export const target: Target = {
  name: 'translation',
  about: 'chunks and open frames of any letters and lengths, against the original retold in Python',
  weight: 1,
  property: () => {
    const python = original()
    return fc.asyncProperty(
      fc.oneof(
        letters('ACGT', 300),
        letters('GCC', 200),
        letters('ACGTacgtNnRYUu-.*>', 200),
        letters('!?@Zz09ACGT', 60),
      ),
      fc.integer({ min: 1, max: 120 }),
      fc.boolean(),
      async (sequence, size, keepEmpty) => {
        const answer = await python.ask(Buffer.from(`${size}\t${keepEmpty}\t${sequence}`))
        deepStrictEqual(ours(sequence, size, keepEmpty), answer.toString('latin1').split('\n'))
      },
    )
  },
}
