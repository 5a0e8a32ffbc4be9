import { expect } from 'bun:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { type PartScores, readPartScores } from '../../../src/checkpoint/part-scores.ts'
import { mutated, type SeedFile } from '../mutations.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

interface Written {
  readonly magic: string
  readonly ids: readonly string[]
  readonly facts: boolean
  readonly content: string | undefined
  readonly files: readonly string[]
}

const digest = (letter: string) => letter.repeat(64)
const FILES = [digest('a'), digest('b'), digest('c')]
const WRITTEN: readonly Written[] = [
  { magic: 'VNPSCOR3', ids: ['one', 'two', 'Größe'], facts: false, content: digest('1'), files: FILES },
  {
    magic: 'VNPSCOR3',
    ids: ['one', 'two', digest('e'), digest('f')],
    facts: false,
    content: digest('2'),
    files: [],
  },
  { magic: 'VNPSCOR4', ids: ['one', 'two'], facts: true, content: digest('3'), files: FILES },
  { magic: 'VNPSCOR2', ids: ['old', 'older'], facts: false, content: undefined, files: [] },
  { magic: 'VNPSCOR2', ids: ['old', 'older', 'oldest'], facts: false, content: undefined, files: FILES },
]

/** By the layout in the documentation of formats, without our writer. */
function fileOf({ magic, ids, facts, content, files }: Written, seed: number): Buffer {
  const texts = Buffer.from([...(content === undefined ? [] : [content]), ...files, ...ids].join('\n'))
  const body = Buffer.concat([Buffer.alloc(ids.length * (facts ? 12 : 8), seed), texts])
  const numbers = Uint32Array.of(ids.length, texts.length, crc32(body), files.length)
  return Buffer.concat([Buffer.from(magic), Buffer.from(numbers.buffer), body])
}

const SEEDS: SeedFile[] = WRITTEN.map((written, i) => ({
  name: written.magic,
  bytes: fileOf(written, i + 1),
}))

function shown({ ids, scores, content, facts, files }: PartScores): string {
  return JSON.stringify({
    ids,
    scores: Buffer.from(scores.buffer).toString('hex'),
    content,
    facts: facts?.length,
    files,
  })
}

const WANTED = new Set(
  WRITTEN.map(({ ids, content, facts, files }, i) =>
    JSON.stringify({
      ids,
      scores: Buffer.alloc(8 * ids.length, i + 1).toString('hex'),
      content,
      facts: facts ? ids.length : undefined,
      files,
    }),
  ),
)

export const target: Target = {
  name: 'scores',
  about: 'scores of finished parts: as they were written, or none',
  weight: 1,
  property() {
    const scratch = new Scratch()
    return fc.asyncProperty(mutated(SEEDS, { mostBytes: 4096 }), async ({ bytes }) => {
      const found = await readPartScores(scratch.put('part_1.scores', bytes))
      if (found !== undefined) expect(WANTED).toContain(shown(found))
    })
  },
}
