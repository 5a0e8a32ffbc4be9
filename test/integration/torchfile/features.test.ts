// Feature tables whose parts disagree are refused: a wrong row under an id would be a wrong result.
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  decodeDnabert,
  decodeEsm,
  decodeMerged,
  encodeDnabertFile,
  encodeEsmFile,
  encodeMergedFile,
  encodeTorchZip,
  FeatureFileError,
  featureKind,
  PyFloatList,
  readTorchFile,
  TensorData,
  type TorchFile,
  type Writable,
} from '../../../src/torchfile/index.ts'
import { bytesOf, rejection } from './fixtures.ts'

async function fileOf(entries: [string, Writable][]): Promise<TorchFile> {
  return readTorchFile(await encodeTorchZip(new Map<Writable, Writable>(entries), { archiveName: 'x' }))
}
const row = (label: string, ...values: number[]) =>
  new Map<Writable, Writable>([
    ['label', label],
    ['mean_representation', new PyFloatList(Float32Array.from(values))],
  ])
const vector = (...values: number[]) => new TensorData(Float32Array.from(values), [values.length])

const wrong: [string, (file: TorchFile) => Promise<unknown>, [string, Writable][], string][] = [
  ['no rows', decodeDnabert, [['nucleotide', ['a']]], `no list under 'data'`],
  [
    'too few rows',
    decodeDnabert,
    [
      ['nucleotide', ['a', 'b']],
      ['data', [row('a', 1)]],
    ],
    '2 ids but 1 rows',
  ],
  [
    'a foreign label',
    decodeDnabert,
    [
      ['nucleotide', ['a', 'b']],
      ['data', [row('a', 1), row('c', 2)]],
    ],
    'labelled c, expected b',
  ],
  [
    'rows of two lengths',
    decodeDnabert,
    [
      ['nucleotide', ['a', 'b']],
      ['data', [row('a', 1), row('b', 2, 3)]],
    ],
    'row 1 has 2 values, expected 1',
  ],
  [
    'text for a number',
    decodeDnabert,
    [
      ['nucleotide', ['a']],
      [
        'data',
        [
          new Map<Writable, Writable>([
            ['label', 'a'],
            ['mean_representation', ['1']],
          ]),
        ],
      ],
    ],
    'not a number',
  ],
  [
    'ids that are numbers',
    decodeEsm,
    [
      ['proteins', [1]],
      ['data', [vector(1)]],
    ],
    'no list of ids',
  ],
  [
    'too many rows',
    decodeEsm,
    [
      ['proteins', ['a']],
      ['data', [vector(1), vector(2)]],
    ],
    '1 ids but 2 rows',
  ],
  [
    'vectors of two lengths',
    decodeEsm,
    [
      ['proteins', ['a', 'b']],
      ['data', [vector(1), vector(2, 3)]],
    ],
    'row 1 has 2 values, expected 1',
  ],
  [
    'a matrix for a vector',
    decodeEsm,
    [
      ['proteins', ['a']],
      ['data', [new TensorData(Float32Array.of(1), [1, 1])]],
    ],
    'row 0 is not a vector',
  ],
  [
    "Broad's empty table",
    decodeMerged,
    [
      ['ids', ['a', 'b']],
      ['data', new TensorData(new Float32Array(0), [0, 3328])],
    ],
    '2 ids but 0 rows',
  ],
  [
    'a vector for a matrix',
    decodeMerged,
    [
      ['ids', ['a']],
      ['data', vector(1)],
    ],
    'no matrix',
  ],
  [
    'another kind',
    decodeMerged,
    [
      ['proteins', ['a']],
      ['data', [vector(1)]],
    ],
    `under 'ids'`,
  ],
]

test.each(wrong)('%s is refused', async (_, decode, entries, words) => {
  const error = await rejection(decode(await fileOf(entries)))
  expect(error).toBeInstanceOf(FeatureFileError)
  expect(String(error)).toContain(words)
})

test('the kind is told from the keys', async () => {
  const data: [string, Writable] = ['data', []]
  expect(featureKind(await fileOf([['nucleotide', []], data]))).toBe('dnabert')
  expect(featureKind(await fileOf([['proteins', []], data]))).toBe('esm')
  expect(featureKind(await fileOf([['ids', []], data]))).toBe('merged')
  expect(featureKind(await fileOf([['ids', []]]))).toBeUndefined()
  expect(featureKind(await fileOf([['model', []], data]))).toBeUndefined()
})

test('ids and rows that do not fit together are not written', async () => {
  const table = { ids: ['a', 'b'], rows: new Float32Array(5), dim: 3 }
  expect(await rejection(encodeEsmFile(table, { archiveName: 'x' }))).toBeInstanceOf(FeatureFileError)
})

test('any table comes back as it was, in all three forms', async () => {
  const forms = [
    [encodeDnabertFile, decodeDnabert],
    [encodeEsmFile, decodeEsm],
    [encodeMergedFile, decodeMerged],
  ] as const
  const id = fc.string({ unit: 'grapheme', maxLength: 20 })
  const tables = fc
    .tuple(fc.array(id, { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 9 }))
    .chain(([ids, dim]) =>
      fc
        .array(fc.float(), { minLength: ids.length * dim, maxLength: ids.length * dim })
        .map((values) => ({ ids, dim, rows: Float32Array.from(values) })),
    )
  await fc.assert(
    fc.asyncProperty(tables, fc.boolean(), async (table, stamp) => {
      for (const [encode, decode] of forms) {
        const got = await decode(await readTorchFile(await encode(table, { archiveName: 'part', stamp })))
        expect(got.ids).toEqual(table.ids)
        expect(got.dim).toBe(table.dim)
        expect(Buffer.from(bytesOf(got.rows)).equals(bytesOf(table.rows))).toBe(true)
      }
    }),
    { numRuns: 60 },
  )
})
