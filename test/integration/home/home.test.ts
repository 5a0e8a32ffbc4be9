import { expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { changeHome, HomeError, homePlace, readHome, withHomeLock } from '../../../src/home/index.ts'
import { asOrdinaryUser, makeOwn, makeReadOnly } from '../../support/user.ts'

const door = resolve(import.meta.dir, '../../../src/home/index.ts')

/** Runs a program with everything that the home exports. */
function start(program: string, env: Record<string, string>, before: readonly string[] = []) {
  const text = `const home = await import(${JSON.stringify(door)}); ${program}`
  return Bun.spawn([...before, process.execPath, '-e', text], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
}

const HOLD = `await home.withHomeLock('work', async () => { console.log('held'); await Bun.stdin.text() })`

async function firstLine({ stdout }: ReturnType<typeof start>): Promise<string> {
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader()
  const { value = '' } = await reader.read()
  reader.releaseLock()
  return value.trim()
}

test('a home that is not there has an empty record; what is written to it can be read', async () => {
  using folder = temporaryFolder()
  const environment = { VIRNUCPRO_HOME: folder.join('home') }
  expect(await readHome(environment)).toEqual({ format: 'virnucpro-home', version: 1 })
  expect(existsSync(folder.join('home'))).toBe(false)
  const server = { kind: 'container', engine: 'apptainer', image: 'triton.sif' } as const
  const gpu = { precision: 'bf16', attention: 'standard', server } as const
  await changeHome((record) => ({ ...record, bundle: 'a1b2', gpu }), environment)
  expect(await readHome(environment)).toEqual({
    format: 'virnucpro-home',
    version: 1,
    bundle: 'a1b2',
    gpu,
  })
  // Nothing unfinished is left.
  expect(readdirSync(folder.join('home')).sort()).toEqual(['home.json', 'locks'])
  expect(readdirSync(folder.join('home/locks'))).toEqual([])
  expect(homePlace('plans', environment)).toBe(folder.join('home/plans'))
})

test('a change that fails changes nothing', async () => {
  using folder = temporaryFolder()
  const environment = { VIRNUCPRO_HOME: folder.path }
  await changeHome((record) => ({ ...record, bundle: 'first' }), environment)
  const fails = () => {
    throw new Error('no')
  }
  expect(changeHome(fails, environment)).rejects.toThrow('no')
  expect((await readHome(environment)).bundle).toBe('first')
})

test('a record that is damaged or of a newer version is refused in words, and kept', async () => {
  using folder = temporaryFolder()
  const environment = { VIRNUCPRO_HOME: folder.path }
  const refused = async (text: string) => {
    writeFileSync(folder.join('home.json'), text)
    const error = await readHome(environment).catch((reason) => reason)
    expect(error).toBeInstanceOf(HomeError)
    expect(await changeHome((record) => record, environment).catch((reason) => reason)).toBeInstanceOf(
      HomeError,
    )
    expect(readFileSync(folder.join('home.json'), 'utf8')).toBe(text)
    return error
  }
  expect(await refused('{"format": "virnuc')).toMatchObject({ code: 'home-damaged', kind: 'badData' })
  expect((await refused('{"format":"virnucpro-home","version":1,"bundle":7}')).message).toContain('bundle: ')
  const newer = await refused('{"format":"virnucpro-home","version":2,"bundle":{}}')
  expect(newer).toMatchObject({ code: 'other-home' })
  expect(newer.message).toContain('version 2')
})

test('a file in the place of the home is said', async () => {
  using folder = temporaryFolder()
  const environment = { VIRNUCPRO_HOME: folder.join('file') }
  writeFileSync(folder.join('file'), 'mine')
  for (const use of [() => readHome(environment), () => changeHome((record) => record, environment)])
    expect((await use().catch((error) => error)).message).toContain(
      `the home ${folder.join('file')} is a file`,
    )
})

test('processes that change the record at the same time lose no change', async () => {
  using folder = temporaryFolder()
  const env = { VIRNUCPRO_HOME: folder.join('home') }
  const count = `for (let i = 0; i < 5; i++) await home.changeHome((record) => ({ ...record, bundle: String(Number(record.bundle ?? 0) + 1) }))`
  const children = Array.from({ length: 4 }, () => start(count, env))
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([0, 0, 0, 0])
  expect((await readHome(env)).bundle).toBe('20')
})

test('work waits for the process that does the same, and does not wait for one that was killed', async () => {
  using folder = temporaryFolder()
  const env = { VIRNUCPRO_HOME: folder.path }
  const holder = start(HOLD, env)
  expect(await firstLine(holder)).toBe('held')
  const waited: string[] = []
  const stopped = new AbortController()
  const onWait = (owner: string) => {
    waited.push(owner)
    stopped.abort(new Error('stopped while it waited'))
  }
  const options = { environment: env, onWait }
  expect(withHomeLock('work', () => 1, { ...options, signal: stopped.signal })).rejects.toThrow(
    'stopped while',
  )
  const result = withHomeLock('work', () => 'done', options)
  expect(await withHomeLock('other', () => 'at once', options)).toBe('at once')
  while (waited.length < 2) await Bun.sleep(10)
  expect(waited[0]).toContain(`process ${holder.pid}`)
  holder.kill('SIGKILL')
  expect(await result).toBe('done')
  expect(readdirSync(folder.join('locks'))).toEqual([])
})

test('a home that this user may only read: locks and caches are in its own cache folder', async () => {
  using folder = temporaryFolder()
  chmodSync(folder.path, 0o755)
  await changeHome((record) => ({ ...record, bundle: 'central' }), { VIRNUCPRO_HOME: folder.join('home') })
  makeReadOnly(folder.join('home'))
  makeOwn(folder.join('cache'))
  const env = { VIRNUCPRO_HOME: folder.join('home'), XDG_CACHE_HOME: folder.join('cache') }
  const program = `
    const change = await home.changeHome((record) => record).catch((error) => error)
    const held = await home.withHomeLock('work', () => require('node:fs').readdirSync(${JSON.stringify(folder.join('cache/virnucpro/locks'))}))
    console.log(JSON.stringify([
      await home.isHomeReadOnly(), (await home.readHome()).bundle, await home.writablePlace('cache'), change.code, held,
    ]))`
  const child = start(program, env, asOrdinaryUser())
  const text = await new Response(child.stdout).text()
  expect(JSON.parse(text)).toEqual([
    true,
    'central',
    folder.join('cache/virnucpro/cache'),
    'other-home',
    ['work.lock'],
  ])
})

test('a home that is still to be made is read-only where its folder is', async () => {
  using folder = temporaryFolder()
  chmodSync(folder.path, 0o755)
  mkdirSync(folder.join('central'))
  makeReadOnly(folder.join('central'))
  const env = { VIRNUCPRO_HOME: folder.join('central/deep/home'), XDG_CACHE_HOME: folder.join('cache') }
  const child = start('console.log(await home.isHomeReadOnly())', env, asOrdinaryUser())
  expect((await new Response(child.stdout).text()).trim()).toBe('true')
})
