import { describe, expect, test } from 'bun:test'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { succeed, virnucpro } from '../../support/cli.ts'
import { hasPython } from '../../support/python.ts'
import {
  byName,
  compareRun,
  importOptions,
  ownReference,
  type ReferenceRun,
  referenceRuns,
} from '../../support/reference.ts'

/** A DNABERT-S folder with one of its two weight files. */
async function dnabertWith(run: ReferenceRun, weights: string, folder: string): Promise<string> {
  await mkdir(folder)
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', weights]) {
    await cp(join(run.models.dnabert, name), `${folder}/${name}`)
  }
  return folder
}

describe.skipIf(!hasPython).each(byName(referenceRuns))(
  "a run from users' own files is the original's run: %s",
  (_, reference) => {
    const { models } = reference
    const cases: [name: string, esm: string, dnabert: string][] = [
      ['fair-esm .pt and DNABERT-S .safetensors', models.esm, 'model.safetensors'],
      ['Hugging Face ESM-2 and DNABERT-S .bin', models.esmFolder, 'pytorch_model.bin'],
    ]
    test.each(cases)('%s', async (_, esm, dnabert) => {
      await using folder = temporaryFolder()
      const bundle = folder.join('bundle')
      const dnabertFolder = await dnabertWith(reference, dnabert, folder.join('dnabert'))
      await succeed(
        'models',
        'import',
        '--esm',
        esm,
        '--dnabert',
        dnabertFolder,
        '--mlp',
        models.mlp,
        '--output',
        bundle,
      )
      const options = [
        '--expected-length',
        '500',
        '--sequences-per-file',
        '7',
        '--layout',
        'vanilla',
        '--keep-intermediate',
      ]
      const output = folder.join('out')
      await succeed(
        'predict',
        '--input',
        reference.input,
        '--output-dir',
        output,
        '--bundle',
        bundle,
        ...options,
        '--quiet',
      )
      expect(await compareRun(reference, output)).toStartWith('PASS')
    })
  },
)

describe.skipIf(!hasPython || !hasTriton)("through a real server it is the original's run too", () => {
  test('compared with the original and, to the order of the rows, with this process', async () => {
    await using folder = temporaryFolder()
    const [bundle, repository] = [folder.join('bundle'), folder.join('repository')]
    await succeed('models', 'import', ...importOptions(ownReference), '--output', bundle)
    await succeed('repository', 'build', '--bundle', bundle, '--backend', 'python', '--output', repository)
    const rows = async (name: string, ...how: string[]) => {
      const output = folder.join(name)
      const cut = ['--expected-length', '500', '--sequences-per-file', '7', '--keep-intermediate', '--quiet']
      await succeed('predict', ownReference.input, '--output-dir', output, '--bundle', bundle, ...cut, ...how)
      expect(await compareRun(ownReference, output)).toStartWith('PASS')
      const text = await readFile(`${output}/contigs_merged/prediction_results.txt`, 'utf8')
      return text
        .trim()
        .split('\n')
        .map((line) => line.split('\t'))
    }
    await using server = await startTriton({ repository })
    const [there, here] = [
      await rows('there', '--triton', server.grpcUrl),
      await rows('here', '--backend', 'onnx'),
    ]
    expect(there.map(([id, call]) => [id, call])).toEqual(here.map(([id, call]) => [id, call]))
    const differences = there.slice(1).map((row, i) => Math.abs(Number(row[3]) - Number(here[i + 1]?.[3])))
    expect(Math.max(...differences)).toBeLessThan(2e-5)
  })
})

describe('how a run is cut does not change its tables', () => {
  const { models, input, output: original } = ownReference

  test('part size, token budget, threads, compression and kept files', async () => {
    await using folder = temporaryFolder()
    const bundle = folder.join('bundle')
    await succeed('models', 'import', ...importOptions(ownReference), '--output', bundle)
    await Bun.write(folder.join('contigs.fa.gz'), Bun.gzipSync(await Bun.file(input).bytes()))
    const variants: string[][] = [
      [input],
      [input, '--sequences-per-file', '5', '--token-budget', '300', '--threads', '1'],
      [folder.join('contigs.fa.gz'), '--token-budget', '100000', '--keep-intermediate'],
    ]
    const tables = await Promise.all(
      variants.map(async (variant, i) => {
        const output = folder.join(`out${i}`)
        await succeed('predict', ...variant, '--output-dir', output, '--bundle', bundle, '--quiet')
        const text = await readFile(`${output}/contigs_merged/prediction_results.txt`, 'utf8')
        return text
          .trim()
          .split('\n')
          .slice(1)
          .map((line) => line.split('\t'))
      }),
    )
    const [first = [], ...others] = tables
    expect(first.length).toBeGreaterThan(40)
    for (const rows of others) {
      expect(rows.map(([id, call]) => [id, call])).toEqual(first.map(([id, call]) => [id, call]))
      const difference = Math.max(...rows.map((row, i) => Math.abs(Number(row[3]) - Number(first[i]?.[3]))))
      expect(difference).toBeLessThan(2e-5)
    }
  })

  test('a classifier for another chunk length, or in the place of ESM-2, does not pass in silence', async () => {
    await using folder = temporaryFolder()
    const bundle = folder.join('bundle')
    const { esm, dnabert, mlp } = models
    const rest = ['--dnabert', dnabert, '--mlp', mlp, '--output', bundle]
    const swapped = await virnucpro(['models', 'import', '--esm', mlp, ...rest])
    expect(swapped.stderr).toContain(
      'is a classifier of VirNucPro: expected the weights of the language model. Name the classifier with --mlp',
    )
    expect(swapped.code).toBe(65)
    await succeed('models', 'import', '--esm', esm, ...rest)
    const run = (length: string) =>
      virnucpro(['predict', input, '-o', folder.join(length), '--bundle', bundle, '-e', length])
    const other = await run('300')
    expect(other.stderr).toContain('was made for chunks of 500 bases, and chunks here have 300')
    expect(other.code).toBe(64)
    const same = await run('500')
    expect(same.stderr).not.toContain('was made for chunks')
    expect(same.code).toBe(0)
  })

  test("the original's three arguments put the results beside the input", async () => {
    await using folder = temporaryFolder()
    const bundle = folder.join('bundle')
    await succeed('models', 'import', ...importOptions(ownReference), '--output', bundle)
    await cp(input, folder.join('contigs.fasta'))
    const words = ['contigs.fasta', '500', models.mlp, '--bundle', bundle]
    const { code, stdout } = await virnucpro(words, folder.path)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    const labels = (text: string) => text.split('\n').map((line) => line.split('\t').slice(0, 2))
    const reference = await readFile(`${original}/contigs_merged/prediction_results.txt`, 'utf8')
    const text = await readFile(folder.join('contigs_merged/prediction_results.txt'), 'utf8')
    expect(labels(text)).toEqual(labels(reference))
  })
})
