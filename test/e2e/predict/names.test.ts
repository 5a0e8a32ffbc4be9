import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { formatManifest, openManifest } from '../../../src/checkpoint/index.ts'
import { virnucpro } from '../../support/cli.ts'
import { oldRuns } from '../../support/reference.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const predict = (input: string, output: string, ...words: string[]) =>
  virnucpro(['predict', input, '-o', output, '--bundle', 'demo', '--no-progress', ...words], folder.path)
const text = (letter: string) => `>a\n${'GCTGCAGCC'.repeat(10)}${letter}\n`
const mergedIn = (output: string) =>
  readdirSync(folder.join(output)).filter((name) => name.endsWith('_merged'))

// As an earlier version has named it.
beforeAll(async () => {
  writeFileSync(folder.join('contigs.fna'), text('A'))
  expect((await predict('contigs.fna', 'before', '--prefix', 'contigs.fna')).code).toBe(0)
})

function copyOf(run: string, status: 'finished' | 'unfinished'): string {
  const name = `copy_${status}`
  cpSync(folder.join(run), folder.join(name), { recursive: true })
  const path = folder.join(name, '.virnucpro/contigs.fna/run.json')
  const { tables: _, derived: __, result: ___, ...manifest } = openManifest(readFileSync(path, 'utf8')) ?? {}
  if (status === 'unfinished') writeFileSync(path, formatManifest({ ...manifest, status }))
  return name
}

test.each(['finished', 'unfinished'] as const)(
  'a %s run under the name that an earlier version gave is gone on with, and a line says so',
  async (status) => {
    const output = copyOf('before', status)
    const { code, stderr } = await predict('contigs.fna', output)
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('under the name "contigs.fna"'),
    })
    expect(stderr).toContain(status === 'finished' ? 'has finished before' : 'continuing the unfinished run')
    expect(mergedIn(output)).toEqual(['contigs.fna_merged'])
  },
)

test('another input whose name began alike has a name of its own', async () => {
  writeFileSync(folder.join('my.fail.fna'), text('A'))
  writeFileSync(folder.join('my.fast.fna'), text('C'))
  expect((await predict('my.fail.fna', 'alike', '--prefix', 'my')).code).toBe(0)
  const { code, stderr } = await predict('my.fast.fna', 'alike')
  expect(code).toBe(0)
  expect(stderr).not.toContain('under the name')
  expect(mergedIn('alike').sort()).toEqual(['my.fast_merged', 'my_merged'])
})

test('a run of another input under the new name does not hide the one of this input', async () => {
  writeFileSync(folder.join('contigs.fa'), text('C'))
  expect((await predict('contigs.fa', 'before')).code).toBe(0)
  expect(await predict('contigs.fna', 'before')).toMatchObject({ code: 0 })
  expect(mergedIn('before').sort()).toEqual(['contigs.fna_merged', 'contigs_merged'])
})

test('a run of the original under its own name is gone on with', async () => {
  const [{ vanilla, stem, input }] = oldRuns as [(typeof oldRuns)[0]]
  cpSync(vanilla, folder.join('old'), { recursive: true })
  const name = `${stem}.family.fasta`
  cpSync(input, folder.join(name))
  const { code, stderr } = await predict(name, 'old')
  expect(code).toBe(64)
  expect(stderr).toContain(`under the name "${stem}"`)
  expect(stderr).toContain('--resume')
  expect(existsSync(folder.join('old', `${stem}.family_merged`))).toBe(false)
})
