import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { randomSource } from '../../../scripts/support/random.ts'
import { mergesByMatch } from '../../../src/tokenizers/bpe.ts'
import { DnaTokenizer } from '../../../src/tokenizers/index.ts'
import { parseTokenizerFile } from '../../../src/tokenizers/tokenizer-file.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { ownReference, referenceRuns } from '../../support/reference.ts'
import { hasShared, shared } from '../../support/shared.ts'
import { mergesByRank } from './bpe-by-rank.ts'
import { type TokenizerJson, tokenizerJson, trainMerges } from './support.ts'

// Starting Python may take long on a busy machine.
setDefaultTimeout(120_000)

const bytes = (text: string) => new TextEncoder().encode(text)
const ids = (tokenizer: DnaTokenizer, dna: string) => [...tokenizer.encode(bytes(dna))]
const ours = (json: TokenizerJson) => DnaTokenizer.fromJson(JSON.stringify(json))

const letters = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), maxLength })
const dna = (maxLength: number) => letters('ACGT', maxLength)
/** Everything a FASTA line may hold, and added tokens spelled out. */
const odd = fc
  .array(
    fc.oneof(
      dna(40),
      letters('ACGTNRYacgtu', 6),
      letters(' -.*_\t[]', 2),
      fc.constantFrom('[CLS]', '[UNK]', '[SEP'),
    ),
  )
  .map((parts) => parts.join(''))

const small = tokenizerJson('ACGT', [
  ['A', 'C'],
  ['G', 'T'],
  ['AC', 'GT'],
  ['A', 'A'],
])

test('merges go by rank, then from left to right, and the ends are added', () => {
  const tokenizer = ours(small)
  const id = (token: string) => small.model.vocab[token]!
  expect(ids(tokenizer, 'AACGT')).toEqual([1, id('A'), id('ACGT'), 2])
  expect(ids(tokenizer, 'AAA')).toEqual([1, id('AA'), id('A'), 2])
  expect(ids(tokenizer, '')).toEqual([1, 2])
  expect([tokenizer.vocabularySize, tokenizer.padId, tokenizer.unkId]).toEqual([13, 3, 0])
})

test('letters outside the alphabet are one unknown token each and merge with nothing', () => {
  const tokenizer = ours(small)
  expect(ids(tokenizer, 'ANNCac')).toEqual([1, 5, 0, 0, 6, 0, 0, 2])
  // One for a letter of two bytes in UTF-8.
  expect(ids(tokenizer, 'AéC')).toEqual([1, 5, 0, 6, 2])
})

test('blanks separate words and vanish', () => {
  expect(ids(ours(small), ' A C\tAC\r\n')).toEqual([1, 5, 6, small.model.vocab.AC!, 2])
})

test('writes rows into a batch and refuses one that does not fit', () => {
  const tokenizer = ours(small)
  const row = new Int32Array(12).fill(tokenizer.padId)
  expect(tokenizer.encodeInto(bytes('ACGT'), row, 1)).toBe(4)
  expect([...row.subarray(0, 5)]).toEqual([3, 1, small.model.vocab.ACGT!, 2, 3])
  expect(() => tokenizer.encodeInto(bytes('ACGT'), row, 8)).toThrow(RangeError)
})

test('the merge list is read in both of its spellings', () => {
  const pairs = structuredClone(small)
  pairs.model.merges = small.model.merges.map((merge) => (merge as string).split(' ') as [string, string])
  expect(ids(ours(pairs), 'AACGTAA')).toEqual(ids(ours(small), 'AACGTAA'))
})

describe('agreement with Hugging Face tokenizers', () => {
  const training = fc.tuple(letters('ACGT', 400), fc.integer({ min: 0, max: 60 }))

  test('merge lists found by training', () => {
    fc.assert(
      fc.property(training, fc.array(fc.oneof(dna(120), odd), { maxLength: 8 }), ([text, count], inputs) => {
        const json = tokenizerJson('ACGT', trainMerges(text, count))
        const reference = new Tokenizer(json, {})
        const tokenizer = ours(json)
        for (const input of [...inputs, text])
          expect(ids(tokenizer, input)).toEqual(reference.encode(input).ids)
      }),
      { numRuns: 150 },
    )
  })

  test('few letters, where runs and ties are frequent', () => {
    fc.assert(
      fc.property(
        letters('AC', 200),
        fc.integer({ min: 1, max: 60 }),
        letters('AC', 300),
        (text, count, input) => {
          const json = tokenizerJson('AC', trainMerges(text, count))
          expect(ids(ours(json), input)).toEqual(new Tokenizer(json, {}).encode(input).ids)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('merge lists that no training finds, with tokens that nothing can give', () => {
    const picks = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 25 })
    fc.assert(
      fc.property(picks, letters('ACG', 150), (pairs, input) => {
        const tokens = ['A', 'C', 'G']
        const merges: [string, string][] = []
        for (const [i, j] of pairs) {
          const pair: [string, string] = [tokens[i % tokens.length]!, tokens[j % tokens.length]!]
          if (tokens.includes(pair.join(''))) continue
          merges.push(pair)
          tokens.push(pair.join(''))
        }
        const json = tokenizerJson('ACG', merges)
        const reference = new Tokenizer(json, {})
        for (const text of [input, ...tokens])
          expect(ids(ours(json), text)).toEqual(reference.encode(text).ids)
      }),
      { numRuns: 300 },
    )
  })

  test('merge lists in any order agree or are refused: those that make a token twice, or before its parts', () => {
    const seen = { agreed: 0, refused: 0 }
    const shuffled = fc
      .tuple(letters('ACG', 200), letters('ACG', 200))
      .chain(([a, b]) => fc.shuffledSubarray([...trainMerges(a, 25), ...trainMerges(b, 25)]))
      .map((merges) => [...new Map(merges.map((pair) => [pair.join(' '), pair])).values()])
      // A merge needs its parts in the vocabulary: the ones that lost theirs go.
      .map((merges) => {
        const made = new Set(['A', 'C', 'G', ...merges.map((pair) => pair.join(''))])
        return merges.filter((pair) => pair.every((part) => made.has(part)))
      })
      .filter((merges) => {
        const made = new Set(['A', 'C', 'G', ...merges.map((pair) => pair.join(''))])
        return merges.every((pair) => pair.every((part) => made.has(part)))
      })
    fc.assert(
      fc.property(shuffled, letters('ACGN', 150), (merges, input) => {
        const json = tokenizerJson('ACG', merges)
        const made = new Set('ACG')
        const bad = merges.findIndex((pair) => {
          const isBad = made.has(pair.join('')) || !pair.every((part) => made.has(part))
          made.add(pair.join(''))
          return isBad
        })
        if (bad === -1) {
          seen.agreed++
          expect(ids(ours(json), input)).toEqual(new Tokenizer(json, {}).encode(input).ids)
        } else {
          seen.refused++
          expect(() => ours(json)).toThrow(`model.merges: entry ${bad + 1}, "${merges[bad]!.join(' ')}"`)
        }
      }),
      { numRuns: 300 },
    )
    expect(seen.agreed).toBeGreaterThan(20)
    expect(seen.refused).toBeGreaterThan(20)
  })
})

test('long words are what merging pair by pair gives', () => {
  fc.assert(
    fc.property(letters('ACGT', 400), fc.integer({ min: 1, max: 200 }), fc.integer(), (text, count, seed) => {
      const { bpe } = parseTokenizerFile(
        JSON.stringify(tokenizerJson('ACGT', trainMerges(text, count))),
        'test',
      )
      const random = randomSource(seed)
      const word = Uint8Array.from({ length: 5000 }, () => 'ACGT'.charCodeAt(Math.floor(4 * random())))
      const encoded = [mergesByMatch(bpe), mergesByRank(bpe)].map((encode) => {
        const out = new Int32Array(word.length)
        return out.slice(0, encode(word, 0, word.length, out, 0))
      })
      expect(encoded[0]).toEqual(encoded[1]!)
    }),
    { numRuns: 50 },
  )
})

interface TokenizerCase {
  file: string
  /** Texts with the ids that Hugging Face's library gave them. */
  vectors: string
  vocabulary: number
}
const cases: TokenizerCase[] = [
  {
    file: join(ownReference.models.dnabert, 'tokenizer.json'),
    vectors: join(ownReference.tokens, '../vectors.json'),
    vocabulary: 512,
  },
]
if (hasShared)
  cases.push({
    file: shared('tokenizer', 'dnabert-s', 'tokenizer.json'),
    vectors: shared('tokenizer', 'tokenizer_vectors.json'),
    vocabulary: 4096,
  })

describe.each(referenceRuns.map((run, i) => [run.name, run, cases[i]!] as const))(
  'a whole tokenizer.json: that of %s',
  async (_, run, { file: path, vectors: recordedVectors, vocabulary }) => {
    const tokenizer = await DnaTokenizer.fromFile(path)

    test('recorded vectors', async () => {
      const vectors: Record<string, { seq: string; ids: number[] }> = await Bun.file(recordedVectors).json()
      expect(Object.keys(vectors).length).toBeGreaterThan(7)
      for (const { seq, ids: expected } of Object.values(vectors))
        expect(ids(tokenizer, seq)).toEqual(expected)
      expect([tokenizer.vocabularySize, tokenizer.padId]).toEqual([vocabulary, 3])
    })

    test('every frame of a run of the original', async () => {
      const recorded: { id: string; tokens: number[] }[] = await Bun.file(run.tokens).json()
      const frames = readFileSync(join(run.output, 'contigs_identified_nucleotide.fa'), 'utf8')
      const sequenceOf = new Map(
        frames
          .split('>')
          .slice(1)
          .map((record) => record.trim().split('\n') as [string, string]),
      )
      expect(recorded).toHaveLength(sequenceOf.size)
      for (const { id, tokens } of recorded) expect(ids(tokenizer, sequenceOf.get(id)!)).toEqual(tokens)
    })

    test('random and odd text, as @huggingface/tokenizers encodes it', async () => {
      const reference = new Tokenizer(await Bun.file(path).json(), {})
      fc.assert(
        fc.property(fc.oneof(dna(600), odd, letters('AT', 200), letters('ACGTN', 100)), (input) => {
          expect(ids(tokenizer, input)).toEqual(reference.encode(input).ids)
        }),
        { numRuns: 500 },
      )
    })

    test.skipIf(!hasPython)(
      'random and odd text, as the tokenizers library of Python encodes it',
      async () => {
        const inputs = fc.sample(fc.oneof(dna(5000), odd, letters('ACGTN', 300)), { numRuns: 500, seed: 11 })
        const folder = await mkdtemp(join(tmpdir(), 'virnucpro-tokens-'))
        await writeFile(join(folder, 'inputs.json'), JSON.stringify(inputs))
        const printed = await runPython(
          `
import json, sys
try:
    from tokenizers import Tokenizer
except ImportError:
    print("null")
else:
    tokenizer = Tokenizer.from_file(sys.argv[1])
    print(json.dumps([tokenizer.encode(text).ids for text in json.loads(open(sys.argv[2]).read())]))
`,
          path,
          join(folder, 'inputs.json'),
        ).finally(() => rm(folder, { recursive: true }))
        const expected = JSON.parse(printed) as number[][] | null
        if (expected === null) return console.warn("Python's tokenizers not found: not compared")
        expect(inputs.map((input) => ids(tokenizer, input))).toEqual(expected)
      },
    )

    test('a word of a megabase takes linear time', () => {
      let seed = 1
      const long = new Uint8Array(1_000_000).map(() => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
        return 'ACGT'.charCodeAt(seed >>> 30)
      })
      // Quadratic work would run into the limit of the test.
      for (const word of [long, new Uint8Array(1_000_000).fill(65)]) {
        const tokens = tokenizer.encode(word)
        expect(tokens.length).toBeLessThan(word.length / 3)
      }
    })
  },
)
