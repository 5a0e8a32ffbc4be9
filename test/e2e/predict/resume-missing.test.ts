import { expect, test } from 'bun:test'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { predictHere, stopWhen } from './resume-inprocess.ts'
import { computed, outputs, sum } from './resume-support.ts'

const OPTIONS = { sequencesPerFile: 5, esmTokenBudget: 300, dnabertTokenBudget: 300, keepIntermediate: false }

/** What lies in a folder after a run of the original that ended before its last steps: small parts, no state of ours. */
async function oldRun(folder: ReturnType<typeof temporaryFolder>): Promise<{ input: string; old: string }> {
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(3, 30))
  const old = folder.join('old')
  const { error } = await predictHere(input, old, { ...OPTIONS, keepIntermediate: true })
  expect(error).toBeUndefined()
  for (const name of readdirSync(old))
    if (!/^reads_(nucleotide|protein|chunked300\.fa)/.test(name)) rmSync(join(old, name), { recursive: true })
  return { input, old }
}

const proteins = (old: string, part: number) =>
  readFileSync(join(old, 'reads_protein', `output_${part}.fa`), 'utf8')
    .split('>')
    .slice(1)
    .map((record) => record.split('\n').slice(1).join(''))

const rows = (output: string) =>
  readFileSync(join(output, 'reads_merged/prediction_results.txt'), 'utf8').trim().split('\n')

test('of an old run with small parts exactly what is missing is computed, and the figures say so', async () => {
  await using folder = temporaryFolder()
  const { input, old } = await oldRun(folder)
  const parts = readdirSync(join(old, 'reads_protein')).filter((name) => name.endsWith('_ESM.pt')).length
  expect(parts).toBeGreaterThan(20)
  for (const missing of [[4], [1, 7, parts]]) {
    const output = folder.join(`without-${missing}`)
    cpSync(old, output, { recursive: true })
    for (const part of missing) rmSync(join(output, 'reads_protein', `output_${part}_ESM.pt`))
    const of = (isMissing: boolean) =>
      Array.from({ length: parts }, (_, i) => i + 1)
        .filter((part) => missing.includes(part) === isMissing)
        .flatMap((part) => proteins(old, part))
    const known = new Set(of(false))
    const unknown = new Set(of(true)).difference(known)
    expect(unknown.size).toBeGreaterThan(0)

    const { error, log } = await predictHere(input, output, OPTIONS)
    expect(error).toBeUndefined()
    expect(computed(log).dnabert_s).toEqual([])
    expect(sum(computed(log).esm2)).toBe(unknown.size)
    expect(log).toContain(`ESM-2: ${unknown.size} different sequence`)
    const summary = JSON.parse(readFileSync(join(output, 'reads_report', 'summary.json'), 'utf8'))
    expect(summary.computed.esm2.sequences).toBe(unknown.size)
    expect(summary.computed.dnabert_s.sequences).toBe(0)
    expect(log).toContain(`${summary.counts.adoptedSequences} sequences had an embedding of the old run`)
  }
}, 60_000)

test('an interrupted run over an old one ends with the bytes of one that was not', async () => {
  await using folder = temporaryFolder()
  const { input, old } = await oldRun(folder)
  const partial = (name: string) => {
    const output = folder.join(name)
    cpSync(old, output, { recursive: true })
    for (const file of readdirSync(join(output, 'reads_protein')))
      if (/output_\d*[02468]_ESM\.pt$/.test(file)) rmSync(join(output, 'reads_protein', file))
    return output
  }
  const whole = partial('whole')
  const undisturbed = await predictHere(input, whole, OPTIONS)
  expect(undisturbed.error).toBeUndefined()
  const all = sum(computed(undisturbed.log).esm2)
  expect(all).toBeGreaterThan(10)

  const stopped = partial('stopped')
  const work = join(stopped, '.virnucpro', 'reads', 'work')
  // Adopted embeddings are there before anything is computed.
  const begun = () =>
    existsSync(work) && readdirSync(work).some((name) => /^parts_from_.*\.journal$/.test(name))
  const first = await predictHere(input, stopped, OPTIONS, stopWhen(begun))
  expect(first.error?.message).toContain('stopped by the test')
  const last = await predictHere(input, stopped, OPTIONS)
  expect(last.error).toBeUndefined()
  expect(last.log).toContain('continuing the unfinished run')
  expect(sum(computed(first.log).esm2) + sum(computed(last.log).esm2)).toBe(all)
  expect(rows(stopped)).toEqual(rows(whole))
  const tables = (output: string) => outputs(output).get('reads_merged/prediction_results_highestscore.csv')
  expect(tables(stopped)?.equals(tables(whole) as Buffer)).toBe(true)
}, 60_000)
