import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { byName, importOptions, referenceRuns } from '../../support/reference.ts'
import { temporaryFolder, virnucpro } from './support.ts'

test.each(byName(referenceRuns))(
  'a bundle of %s is imported, shown, verified, and refused once damaged',
  async (_, run) => {
    using folder = temporaryFolder()
    const cwd = folder.path
    const args = ['models', 'import', ...importOptions(run), '-o', 'bundle']

    const made = await virnucpro(args, { cwd })
    expect(made.err).toContain('use it with --bundle bundle')
    expect(made).toMatchObject({ code: 0, out: '' })

    const again = await virnucpro(args, { cwd })
    expect(again.err).toContain('error: ')
    expect(again).toMatchObject({ code: 73, out: '' })
    expect(await virnucpro([...args, '--force', '-q'], { cwd })).toEqual({ code: 0, out: '', err: '' })

    const shown = await virnucpro(['models', 'show', 'bundle'], { cwd })
    expect(shown).toMatchObject({ code: 0, err: '' })
    const manifest = JSON.parse(shown.out)
    expect(manifest.precision).toBe('fp32')

    const verified = await virnucpro(['models', 'verify', 'bundle'], { cwd })
    expect(verified).toEqual({ code: 0, out: '', err: 'bundle: every file is as it was imported\n' })

    const weights = folder.join('bundle', manifest.models.esm2.weights.path)
    const bytes = readFileSync(weights)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    writeFileSync(weights, bytes)
    const damaged = await virnucpro(['models', 'verify', 'bundle'], { cwd })
    expect(damaged.err).toMatch(/^error: .*is not what was imported/)
    expect(damaged).toMatchObject({ code: 1, out: '' })
  },
)

test.concurrent('what cannot be imported is said before anything is read', async () => {
  const args = ['models', 'import', '--esm', 'no.pt', '--dnabert', '.', '--mlp', '.', '--output', 'x']
  expect((await virnucpro(args)).err).toBe('error: --esm no.pt: no such file\n')
  expect((await virnucpro([...args, '--precision', 'fp64'])).err).toContain(
    'expected one of fp32, int8, bf16, fp16, fp8, got "fp64"',
  )
  const { code, err } = await virnucpro(['models', 'show', 'no/such/bundle'])
  expect(err).toMatch(/^error: .*virnucpro models import/)
  expect(code).toBe(66)
})
