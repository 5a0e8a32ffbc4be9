import { expect } from 'bun:test'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import fc from 'fast-check'
import { type LegacyVector, readLegacyVectors } from '../../../src/legacy/index.ts'
import { mutated } from '../mutations.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

const DATA = resolve(import.meta.dir, '../../data/old-runs')
const TOKENS = ['>', '\n', '\r\n', '>a\n', 'PK\x03\x04', 'PK\x01\x02', '\x80\x02'].map((text) =>
  Buffer.from(text, 'latin1'),
)

interface OldPart {
  readonly layout: 'vanilla' | 'broad'
  readonly place: string
  readonly checkpoint: Uint8Array
  readonly fasta: Uint8Array
}

const PARTS: OldPart[] = (
  [
    ['vanilla', 'vanilla/old_reads_nucleotide/output_1_DNABERT_S.pt'],
    ['vanilla', 'vanilla/old_reads_protein/output_1_ESM.pt'],
    ['broad', 'broad-v1/old_reads_protein/output_1_ESM.pt'],
  ] as const
).map(([layout, path]) => ({
  layout,
  place: path.slice(path.indexOf('/') + 1),
  checkpoint: readFileSync(join(DATA, path)),
  fasta: readFileSync(join(DATA, dirname(path), 'output_1.fa')),
}))

/** Sequences of a FASTA file by id, line by line; undefined where an id comes twice or something stands before the first. */
function sequencesOf(bytes: Uint8Array): Map<string, string> | undefined {
  const found = new Map<string, string>()
  let id: string | undefined
  for (const line of Buffer.from(bytes).toString('latin1').split('\n')) {
    if (line.startsWith('>')) {
      id = Buffer.from(line.slice(1), 'latin1').toString().split(/\s/)[0]!
      if (id === '' || found.has(id)) return undefined
      found.set(id, '')
    } else if (id === undefined) {
      return undefined
    } else found.set(id, found.get(id) + line.replaceAll(/[\0- ]/g, ''))
  }
  return found
}

const hex = ({ buffer, byteOffset, byteLength }: Float32Array | Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('hex')

/** The vectors that are believed of a part, with what they are taken to belong to. */
async function believed(
  scratch: Scratch,
  part: OldPart,
  checkpoint: Uint8Array,
  fasta: Uint8Array,
): Promise<LegacyVector[]> {
  const stem = `${PARTS.indexOf(part)}`
  const place = part.place.replace('old_reads', stem)
  mkdirSync(join(scratch.folder, dirname(place)), { recursive: true })
  scratch.put(place, checkpoint)
  scratch.put(join(dirname(place), 'output_1.fa'), fasta)
  const found: LegacyVector[] = []
  for await (const vectors of readLegacyVectors(scratch.folder, stem, part.layout)) found.push(...vectors)
  return found
}

export const target: Target = {
  name: 'old-run',
  about:
    "files of vectors and FASTA of the original and of Broad's fork, damaged: vectors as they were, each with the sequence that its id has in the FASTA file, or none",
  weight: 1,
  property() {
    const scratch = new Scratch()
    const originals = new Map<OldPart, Promise<Set<string>>>()
    const vectorsOf = async (part: OldPart) => {
      const vectors = await believed(scratch, part, part.checkpoint, part.fasta)
      expect(vectors.length).toBeGreaterThan(1)
      return new Set(vectors.map(({ id, vector }) => `${id} ${hex(vector)}`))
    }
    const cases = PARTS.map((part) =>
      fc.record({
        part: fc.constant(part),
        checkpoint: fc.option(
          mutated([{ name: part.place, bytes: part.checkpoint }], {
            tokens: TOKENS,
            most: 3,
            mostBytes: 2 ** 17,
          }),
        ),
        fasta: fc.option(mutated([{ name: 'output_1.fa', bytes: part.fasta }], { tokens: TOKENS, most: 3 })),
      }),
    )
    return fc.asyncProperty(fc.oneof(...cases), async ({ part, checkpoint, fasta }) => {
      const original = originals.get(part) ?? vectorsOf(part)
      originals.set(part, original)
      const known = await original
      const text = fasta?.bytes ?? part.fasta
      const sequences = sequencesOf(text)
      for (const { id, vector, sequence } of await believed(
        scratch,
        part,
        checkpoint?.bytes ?? part.checkpoint,
        text,
      )) {
        expect(known.has(`${id} ${hex(vector)}`)).toBe(true)
        if (sequence !== undefined)
          expect(Buffer.from(sequence).toString('latin1')).toBe(sequences?.get(id) ?? 'nothing')
      }
    })
  },
}
