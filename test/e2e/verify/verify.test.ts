import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { importModels } from '../../../src/import/index.ts'
import { builtInCases, compareRows } from '../../../src/verify/index.ts'
import { byName, referenceBundle, referenceRuns } from '../../support/reference.ts'

const main = resolve(import.meta.dir, '../../../src/cli/main.ts')
const folder = mkdtempSync(join(tmpdir(), 'virnucpro-verify-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function verify(...words: string[]) {
  const child = Bun.spawnSync([process.execPath, main, 'verify', ...words])
  return { code: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() }
}

describe('compareRows', () => {
  test('tells the largest difference, the cosines and the worst row', () => {
    const theirs = Float32Array.of(1, 0, 3, 4, 0, 2)
    const ours = Float32Array.of(1, 0, 4, 3, 0, 2.5)
    expect(compareRows(ours, theirs, 2)).toEqual({
      rows: 3,
      maxAbsDifference: 1,
      cosineMin: 0.96,
      cosineMean: (1 + 0.96 + 1) / 3,
      worst: 1,
      notFinite: 0,
    })
  })

  test('NaN is right where the original has it, and nowhere else', () => {
    const nan = Number.NaN
    const [ours, theirs] = [Float32Array.of(nan, nan, 1, nan), Float32Array.of(nan, nan, 1, 1)]
    const { notFinite, cosineMin, worst } = compareRows(ours, theirs, 2, { ofOriginal: true })
    expect([notFinite, cosineMin, worst]).toEqual([1, -1, 1])
    expect(compareRows(ours, theirs, 2).notFinite).toBe(2)
    expect(() => compareRows(new Float32Array(3), new Float32Array(4), 2)).toThrow(RangeError)
  })
})

test('built-in sequences depend on the seed alone and span 1 to 166 residues', () => {
  const { proteins, dna } = builtInCases(10, 3)
  expect(builtInCases(10, 3)).toEqual({ proteins, dna })
  expect(builtInCases(10, 4).proteins).not.toEqual(proteins)
  expect(proteins.map(({ sequence }) => sequence.length)).toEqual([1, 19, 38, 56, 74, 93, 111, 129, 148, 166])
  expect(dna.every(({ sequence }, i) => sequence.length === 3 * proteins[i]!.sequence.length)).toBe(true)
})

describe('virnucpro verify', () => {
  test('a server that does not answer is explained once', () => {
    const { code, err } = verify(
      '--bundle',
      'demo',
      '--triton',
      'grpc://127.0.0.1:1',
      '--server-timeout',
      '1',
    )
    expect(err).toContain('no inference server with every model has answered for 1 s')
    expect(err.match(/ECONNREFUSED/g)).toHaveLength(1)
    expect(err.match(/grpc:/g)).toHaveLength(1)
    expect(code).toBe(69)
  })

  test('a good bundle passes and shows how near it is', () => {
    const { code, out } = verify('--bundle', 'demo', '--sequences', '6')
    expect(out).toContain('dnabert_s: 6 rows against FP32 graph')
    expect(out).toMatch(
      /esm2: 6 rows.*\n {2}max abs difference \d\.\d\de-\d, cosine min 1\.0000000, mean 1\.0000000/,
    )
    expect(out).toContain('calls: 6 of 6 agree')
    expect(code).toBe(0)
  }, 20_000)

  test('usage that cannot be met is refused', () => {
    for (const [words, message, expected] of [
      [['--bundle', 'demo', '--tolerance', 'x'], '--tolerance: expected a number', 64],
      [['--bundle', 'demo', '--golden', '/no/such.pt'], 'no such file', 66],
      [['--bundle', 'demo', '--backend', 'triton'], 'needs a server', 64],
    ] as const) {
      const { code, err } = verify(...words)
      expect(err).toContain(message)
      expect(code).toBe(expected)
    }
  }, 20_000)

  describe.each(byName(referenceRuns))('against rows of the original: %s', (name, run) => {
    const reference = (...parts: string[]) => join(run.output, ...parts)
    const own = join(folder, name.replaceAll(' ', '-'))
    const bundle = join(own, 'bundle')
    beforeAll(async () => {
      mkdirSync(own)
      await referenceBundle(run, bundle)
    })

    test('the same weights give the same rows', () => {
      for (const [file, model] of [
        ['contigs_nucleotide/output_1_DNABERT_S.pt', 'dnabert_s: 7 rows'],
        ['contigs_protein/output_1_ESM.pt', 'esm2: 7 rows'],
      ] as const) {
        const { code, out, err } = verify('--bundle', bundle, '--golden', reference(file))
        expect(err).not.toContain('error')
        expect(out).toContain(model)
        expect(code).toBe(0)
      }
    }, 20_000)

    test('rows of other sequences are outside the tolerance', () => {
      // Rows of part 1, paired with the sequences of nothing: ids of the file must be found.
      const lonely = join(own, 'output_1_ESM.pt')
      copyFileSync(reference('contigs_protein/output_1_ESM.pt'), lonely)
      expect(verify('--bundle', bundle, '--golden', lonely).err).toContain('are not beside it')
      const { code, err } = verify('--bundle', bundle, '--golden', lonely, '--fasta', join(own, 'wrong.fa'))
      expect([code, err.includes('no such file')]).toEqual([66, true])
      const part = reference('contigs_protein/output_2.fa')
      expect(verify('--bundle', bundle, '--golden', lonely, '--fasta', part).err).toContain(
        'not among its sequences',
      )
    }, 20_000)

    test('other weights are outside the tolerance: exit code 1 and the worst row', async () => {
      const other = join(own, 'other')
      const { writeRandomEsm2 } = await import('../../../scripts/support/random-models.ts')
      const {
        hidden_size: width,
        intermediate_size: hidden,
        num_attention_heads: heads,
      } = await Bun.file(join(run.models.esmFolder, 'config.json')).json()
      await writeRandomEsm2(join(own, 'esm'), 9, { layers: 3, width, heads, hidden })
      await importModels({ ...run.models, esm: join(own, 'esm'), output: other })
      const { code, err } = verify(
        '--bundle',
        other,
        '--golden',
        reference('contigs_protein/output_1_ESM.pt'),
      )
      expect(code).toBe(1)
      expect(err).toMatch(/outside the tolerance of 0\.0005: esm2 \(worst: c/)
    }, 20_000)
  })
})
