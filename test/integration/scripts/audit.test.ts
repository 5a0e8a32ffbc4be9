import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'

const root = resolve(import.meta.dir, '../../..')
const lock = readFileSync(join(root, 'bun.lock'), 'utf8')

/** What is said of a checkout with such a lockfile, and one more file. */
async function audit(text: string, more: Record<string, string> = {}, ...words: string[]) {
  await using folder = temporaryFolder()
  for (const [name, content] of Object.entries({ 'bun.lock': text, ...more })) {
    mkdirSync(dirname(folder.join(name)), { recursive: true })
    writeFileSync(folder.join(name), content)
  }
  const child = Bun.spawn([process.execPath, join(root, 'scripts/audit.ts'), ...words, folder.path], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

/** The line of valibot, which users install, in another form. */
const valibot = (change: (line: string) => string): string => {
  const changed = lock.replace(/^ {4}"valibot": \[.*$/m, change)
  expect(changed).not.toBe(lock)
  return changed
}
const HASH = /sha512-[^"]+/

test('a lockfile that was tampered with is refused', async () => {
  const other = `sha512-${'A'.repeat(86)}==`
  for (const [text, said] of [
    [valibot((line) => line.replace(/, "sha512-[^"]+"/, '')), 'has no SHA-512'],
    [valibot((line) => line.replace(HASH, `sha1-${'A'.repeat(27)}=`)), 'has no SHA-512'],
    [
      valibot((line) => line.replace('"",', '"https://packages.example/",')),
      'is not a version of the registry',
    ],
    [
      valibot((line) => line.replace(/@\d[^"]*/, '@git+ssh://host.example/x#1')),
      'is not a version of the registry',
    ],
    [valibot((line) => line.replace('{', '{ "hasInstallScript": true,')), 'has an install step'],
  ] as const) {
    const { code, err } = await audit(text, {}, '--offline')
    expect({ said, err, code }).toEqual({ said, err: expect.stringContaining(said), code: 1 })
    expect(err).toContain('valibot')
  }
  const mine = (licence: string, version: string) =>
    JSON.stringify({ name: 'valibot', version, license: licence })
  const [, version = ''] = /"valibot@([^"]+)"/.exec(lock) ?? []
  const place = 'node_modules/valibot/package.json'
  const closed = await audit(lock, { [place]: mine('SSPL-1.0', version) }, '--offline')
  expect(closed.err).toContain('its licence, SSPL-1.0, is not on the list')
  const changed = await audit(lock, { [place]: mine('MIT', '9.9.9') }, '--offline')
  expect(changed.err).toContain(`9.9.9 is installed, bun.lock has ${version}`)
  expect([closed.code, changed.code]).toEqual([1, 1])
  expect(await audit(lock, { [place]: mine('MIT', version) }, '--offline')).toMatchObject({
    code: 0,
    err: '',
  })

  // Another checksum has the right form: the registry knows better, and says so where it answers.
  const forged = await audit(valibot((line) => line.replace(HASH, other)))
  if (!/did not answer for \d/.test(forged.err)) {
    expect(forged.err).toContain(`valibot@${version}: bun.lock has another SHA-512 than the registry`)
    expect(forged.code).toBe(1)
  }
})
