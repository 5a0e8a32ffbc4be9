import { expect, test } from 'bun:test'
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository } from '../../support/cli.ts'
import { asOrdinaryUser, makeOwn, makeReadOnly } from '../../support/user.ts'
import { CONTIGS, homeWith, IDS } from './support.ts'

const [ONE, OTHER] = IDS

/** A home that somebody else keeps, and a user of it with a cache folder. */
function centralHome() {
  const at = homeWith(IDS, ONE)
  const own = temporaryFolder()
  for (const path of [at.folder.path, own.path]) chmodSync(path, 0o755)
  for (const name of ['cache', 'work']) makeOwn(own.join(name))
  makeReadOnly(at.at())
  for (const place of ['bundles', `bundles/${ONE}`]) makeReadOnly(at.at(place))
  return {
    at,
    own,
    async user(...words: string[]) {
      const child = Bun.spawn(
        [...asOrdinaryUser(), process.execPath, join(repository, 'src/cli/main.ts'), ...words],
        {
          cwd: own.join('work'),
          env: {
            PATH: process.env.PATH ?? '',
            NO_COLOR: '1',
            HOME: own.path,
            XDG_CACHE_HOME: own.join('cache'),
            ...at.env,
          },
          stdin: 'ignore',
          stdout: 'pipe',
          stderr: 'pipe',
        },
      )
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ])
      return { code: await child.exited, stdout, stderr }
    },
    [Symbol.dispose]() {
      for (const place of ['', 'bundles', `bundles/${ONE}`]) chmodSync(at.at(place), 0o755)
      at[Symbol.dispose]()
      own[Symbol.dispose]()
    },
  }
}

test('a home that somebody else keeps is computed with; caches and locks are the own ones', async () => {
  using central = centralHome()
  const before = readdirSync(central.at.at(), { recursive: true }).sort()
  const predicted = await central.user('predict', CONTIGS, '-o', 'out')
  expect(predicted.stderr).toContain('DEMONSTRATION')
  expect(predicted.code).toBe(0)
  expect(existsSync(central.own.join('work/out/contigs_merged/prediction_results.txt'))).toBe(true)
  expect(await central.user('models', 'verify')).toMatchObject({ code: 0 })
  expect(JSON.parse((await central.user('models', 'list', '--json')).stdout)).toHaveLength(2)
  const shown = JSON.parse((await central.user('home', 'show', '--json')).stdout)
  expect(shown).toMatchObject({ readOnly: true, home: central.at.at() })
  expect(shown.private[0].folder).toBe(central.own.join('cache/virnucpro/weights'))
  expect(await central.user('home', 'clean')).toMatchObject({ code: 0 })
  expect(readdirSync(central.own.join('cache/virnucpro/locks'))).toEqual([])
  expect(readdirSync(central.at.at(), { recursive: true }).sort()).toEqual(before)
})

test('a home that may not be read is not shown as empty', async () => {
  using central = centralHome()
  chmodSync(central.at.at(), 0o000)
  for (const words of ['home show', 'home clean', 'models list', `models remove ${ONE} --yes`]) {
    const { code, stdout, stderr } = await central.user(...words.split(' '))
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^error: cannot read \S+: permission denied; ask for permission to read it\n$/)
    expect(code).toBe(66)
  }
})

test('what would change a home that somebody else keeps is refused in words', async () => {
  using central = centralHome()
  const record = readFileSync(central.at.at('home.json'), 'utf8')
  const all = await Promise.all([
    central.user('models', 'default', OTHER),
    central.user('models', 'remove', OTHER, '--yes'),
    central.user('models', 'import', '--esm', CONTIGS, '--dnabert', CONTIGS, '--mlp', CONTIGS),
  ])
  for (const { code, stderr } of all) {
    expect(stderr).toContain('is read-only for this user')
    expect(stderr).toContain('VIRNUCPRO_HOME')
    expect(code).toBe(73)
  }
  expect(readFileSync(central.at.at('home.json'), 'utf8')).toBe(record)
  expect(readdirSync(central.at.at('bundles'))).toEqual([...IDS])
})
