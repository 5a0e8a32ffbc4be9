import { expect, test } from 'bun:test'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { demoBundle } from '../../../scripts/support/plans.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { DnaTokenizer, EsmAlphabet } from '../../../src/tokenizers/index.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { referenceRuns } from '../../support/reference.ts'

const PYTHON_CODE = resolve(import.meta.dir, '../../../model_repository/python')

const program = `
import json, sys
sys.path.insert(0, sys.argv[1])
import token_ids
tokenizer = token_ids.DnaTokenizer(sys.argv[2]) if sys.argv[2] else token_ids.EsmTokenizer()
print(json.dumps([tokenizer.encode(text) for text in json.load(open(sys.argv[3]))]))
`

async function inPython(tokenizer: string, texts: readonly string[]): Promise<number[][]> {
  await using folder = temporaryFolder()
  await Bun.write(folder.join('texts.json'), JSON.stringify(texts))
  return JSON.parse(await runPython(program, PYTHON_CODE, tokenizer, folder.join('texts.json')))
}

const bytes = (text: string) => new TextEncoder().encode(text)

const dna = [
  'A',
  'N',
  'acgt',
  ' AC\tGT\nNNRYACGT',
  'AC[CLS]GT[SEP][UNK][MASK][PAD][[CLS]]',
  'ACGT.-,ACGT',
  ...fc.sample(fc.string({ unit: fc.constantFrom(...'ACGT'), maxLength: 600 }), { numRuns: 300, seed: 1 }),
  ...fc.sample(fc.string({ unit: fc.constantFrom(...'AACCGGTTNn [].'), maxLength: 80 }), {
    numRuns: 300,
    seed: 2,
  }),
]

const tokenizers = [
  `${demoBundle}/dnabert_s/tokenizer.json`,
  ...referenceRuns.map(({ models }) => join(models.dnabert, 'tokenizer.json')),
]

test.skipIf(!hasPython).each(tokenizers)(
  'DNA gets the ids in the server that it gets here: %s',
  async (path) => {
    const tokenizer = await DnaTokenizer.fromFile(path)
    expect(await inPython(path, dna)).toEqual(dna.map((text) => [...tokenizer.encode(bytes(text))]))
  },
)

test.skipIf(!hasPython)('proteins get the ids in the server that they get here', async () => {
  const alphabet = new EsmAlphabet()
  const proteins = fc.sample(
    fc.string({ unit: fc.constantFrom(...'LAGVSERTIDPKQNFYMHWCXBUZO.-'), maxLength: 400 }),
    {
      numRuns: 100,
      seed: 3,
    },
  )
  expect(await inPython('', proteins)).toEqual(proteins.map((text) => [...alphabet.encode(bytes(text))]))
})
