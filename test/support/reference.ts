// What tests compare with: data of our own, made by test/data/make.py, and the same kinds of files beside the checkout
// where there are any.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { importModels } from '../../src/import/index.ts'
import { python } from './python.ts'
import { hasShared, shared } from './shared.ts'

const DATA = resolve(import.meta.dir, '../data')

/** Small models in the layouts that users have, an input, and all files of the original's run of them. */
export interface ReferenceRun {
  readonly name: string
  readonly models: { esm: string; esmFolder: string; dnabert: string; mlp: string }
  readonly input: string
  /** Folder of the run: chunks of 500 bases, seven sequences in a part. */
  readonly output: string
  /** Activations of every layer. */
  readonly layers: string
  /** Token ids of every frame. */
  readonly tokens: string
  /** Compares the output folder of a run with `output`. */
  readonly comparer: string
}

/** One input through the original and through Broad's fork, with vectors of the real models' widths. */
export interface OldRuns {
  readonly name: string
  readonly stem: string
  readonly input: string
  readonly vanilla: string
  readonly broad: string
  /** The first sequence of the original's protein file, which is the last of Broad's. */
  readonly shortest: { id: string; sequence: string; start: number[]; norm: number }
  /** Rows of Broad's table as the original would print its scores. */
  readonly broadAsVanilla: string
}

function ownRun(): ReferenceRun {
  const tiny = (...parts: string[]) => join(DATA, 'tiny', ...parts)
  return {
    name: 'our own models',
    models: {
      esm: tiny('models/esm2_t2_tiny.pt'),
      esmFolder: tiny('models/esm2_t2_tiny_hf'),
      dnabert: tiny('models/dnabert_s_tiny'),
      mlp: tiny('models/500_model.pth'),
    },
    input: tiny('contigs.fasta'),
    output: tiny('reference'),
    layers: tiny('traces/layers.json'),
    tokens: tiny('traces/tokens.json'),
    comparer: join(DATA, 'original/compare.py'),
  }
}

function sharedRun(): ReferenceRun {
  const golden = (...parts: string[]) => shared('golden/tiny_a', ...parts)
  return {
    name: 'the golden models',
    models: {
      esm: golden('models/esm2_t3_tiny.pt'),
      esmFolder: golden('models/esm2_t3_tiny_hf'),
      dnabert: golden('models/dnabert_s_tiny_h4'),
      mlp: golden('models/mlp_a_500_model.pth'),
    },
    input: golden('inputs/contigs.fasta'),
    output: golden('reference/a_contigs_500_s7'),
    layers: golden('traces/trace_A.json'),
    tokens: golden('traces/tokens_a_contigs_500_default.json'),
    comparer: golden('compare.py'),
  }
}

export const ownReference = ownRun()
export const referenceRuns: readonly ReferenceRun[] = [ownReference, ...(hasShared ? [sharedRun()] : [])]

function ownOldRuns(): OldRuns {
  const at = (...parts: string[]) => join(DATA, 'old-runs', ...parts)
  const expected: Pick<OldRuns, 'shortest' | 'broadAsVanilla'> = JSON.parse(
    readFileSync(at('expected.json'), 'utf8'),
  )
  return {
    name: 'runs of our own',
    stem: 'old_reads',
    input: at('old_reads.fa'),
    vanilla: at('vanilla'),
    broad: at('broad-v1'),
    ...expected,
  }
}

function sharedOldRuns(): OldRuns {
  const at = (...parts: string[]) => shared('golden/with_orfs', ...parts)
  return {
    name: 'the golden runs',
    stem: 'test_with_orfs',
    input: at('input.fa'),
    vanilla: at('vanilla'),
    broad: at('broad-v1'),
    shortest: {
      id: 'synthetic_seq_2_chunk_1R2',
      sequence: 'QRFSIASFSSAIRLPFAASFAAFSSAIASFAASIALPFAAIASAAFLIASASSARF',
      start: [0.00875998288, -0.0205959175, -0.00961508509, -0.0852175429, -0.0254933275],
      norm: 13.813203,
    },
    broadAsVanilla: '1R1\tvirus\t0.121005304\t0.8789947\n',
  }
}

export const oldRuns: readonly OldRuns[] = [ownOldRuns(), ...(hasShared ? [sharedOldRuns()] : [])]

/** For `describe.each` and `test.each`: the name first. */
export const byName = <T extends { name: string }>(all: readonly T[]): [string, T][] =>
  all.map((one) => [one.name, one])

/** Imports the models of a reference run. */
export async function referenceBundle(run: ReferenceRun, output: string): Promise<string> {
  const { esm, dnabert, mlp } = run.models
  await importModels({ esm, dnabert, mlp, output })
  return output
}

/** The options of `models import` that name the models of a reference run. */
export function importOptions({ models: { esm, dnabert, mlp } }: ReferenceRun): string[] {
  return ['--esm', esm, '--dnabert', dnabert, '--mlp', mlp]
}

/** Compares a run with the original's, file by file; returns the closing line of the comparison. */
export async function compareRun(run: ReferenceRun, output: string): Promise<string> {
  const child = Bun.spawn([python, run.comparer, output, run.output], { stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`differs from the original's run:\n${out}${err}`)
  return out.trim().split('\n').at(-1) ?? ''
}
