import { expect, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { writePlans } from '../../../scripts/support/plans.ts'
import { OWNERS } from '../../../src/cli/home-files.ts'
import { bundleLock, cleanHome, lease, serverLock, withHomeLock } from '../../../src/home/index.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { resealBundle } from '../../support/bundle.ts'
import { spawnCli } from '../../support/cli.ts'
import { hasTerminal, openTerminal } from '../../support/terminal.ts'
import { DEMO, homeWith, IDS, type TestHome } from './support.ts'

const [ONE, OTHER] = IDS
const FORM = ['bf16-fused', '10.6.0'] as const

/** What a set-up for GPUs leaves in a home. */
async function deployed(at: TestHome, id: string): Promise<void> {
  cpSync(DEMO, at.at('derived', id, FORM[0]), { recursive: true })
  writePlans(at.at('plans', id, ...FORM), 'digest')
  writeFileSync(at.at('plans', id, ...FORM, 'timing.cache'), 'cache')
  const bundle = at.at('derived', id, FORM[0])
  await buildRepository({ bundle, backend: 'onnxruntime', output: at.at('repositories', id, ...FORM) })
}

test('models list and info say what is in the home', async () => {
  using at = homeWith(IDS, OTHER)
  resealBundle(at.at('bundles', OTHER), (manifest) => {
    Object.assign(manifest, { created: '2026-02-03T00:00:00.000Z' })
    Object.assign(manifest.models.esm2, { layers: 33, width: 1280, heads: 20 })
  })
  await deployed(at, ONE)
  const { stdout } = await at.run('models', 'list')
  const [header, first, second, ...more] = stdout.trimEnd().split('\n')
  expect(more).toEqual([])
  expect(header?.split(/ {2,}/)).toEqual([
    '',
    'ID',
    'ESM-2',
    'PRECISION',
    'CLASSIFIERS',
    'SIZE',
    'MADE',
    'FOR GPUS',
  ])
  expect(first).toContain(`${ONE}  `)
  expect(first).toContain('2026-01-01  bf16-fused with plans for 8.9, 9.0 (TensorRT 10.6.0)')
  expect(second).toStartWith(`*  ${OTHER}  650M`)

  const listed = JSON.parse((await at.run('models', 'list', '--json')).stdout)
  expect(listed).toMatchObject([
    { id: ONE, default: false, problem: null, precision: 'fp32', repositories: [{ tensorrt: '10.6.0' }] },
    { id: OTHER, default: true, esm2: '650M', derived: [], plans: [] },
  ])
  // A repository has hard links to the files of its bundle, which take room once.
  const [{ bytes, allBytes, derived, repositories }] = listed
  expect(allBytes).toBeLessThan(bytes + derived[0].bytes + repositories[0].bytes)
  expect(allBytes).toBeGreaterThan(bytes + derived[0].bytes)

  const info = (await at.run('models', 'info')).stdout
  expect(info).toContain(`id          ${OTHER}, the default\n`)
  expect(info).toContain('650M, 33 layers of 1280')
  expect((await at.run('models', 'info', 'aaaa1')).stdout).toContain(at.at('plans', ONE, ...FORM))
  expect((await at.run('models', 'info', DEMO)).stdout).not.toContain('the default')
})

test('a damaged bundle is listed with what is wrong, and an empty home is no error', async () => {
  using at = homeWith(IDS)
  writeFileSync(at.at('bundles', ONE, 'manifest.json'), '{')
  const { code, stdout, stderr } = await at.run('models', 'list')
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`${ONE}  damaged`))
  expect(stderr).toContain('Import the models again')
  using empty = homeWith([])
  expect(await empty.run('models', 'list')).toMatchObject({ code: 0, stdout: '' })
  expect(await empty.run('models', 'list', '--json')).toMatchObject({ code: 0, stdout: '[]\n' })
  expect(await empty.run('home', 'show')).toMatchObject({ code: 0 })
})

test('models default chooses one that is whole', async () => {
  using at = homeWith(IDS, ONE)
  expect(await at.run('models', 'default', 'aaaa2')).toMatchObject({ code: 0 })
  expect(JSON.parse(readFileSync(at.at('home.json'), 'utf8')).bundle).toBe(OTHER)
  writeFileSync(at.at('bundles', ONE, 'manifest.json'), '{')
  expect(await at.run('models', 'default', ONE)).toMatchObject({ code: 65 })
  expect(await at.run('models', 'default', 'bbbb')).toMatchObject({ code: 66 })
  expect(JSON.parse(readFileSync(at.at('home.json'), 'utf8')).bundle).toBe(OTHER)
})

test('models remove takes a bundle and all that was made of it, and nothing else', async () => {
  using at = homeWith(IDS, ONE)
  await deployed(at, ONE)
  await deployed(at, OTHER)
  const words = ['models', 'remove', 'aaaa1'] as const
  const unasked = await at.run(...words)
  expect(unasked).toMatchObject({ code: 64 })
  expect(unasked.stderr).toContain('--yes')
  expect(await at.run(...words, '--dry-run')).toMatchObject({ code: 0 })
  expect(readdirSync(at.at('plans'))).toEqual([...IDS])

  const { code, stderr } = await at.run(...words, '--yes')
  expect(stderr).toContain(`removed the bundle ${ONE}`)
  expect(code).toBe(0)
  for (const place of ['bundles', 'derived', 'plans', 'repositories'])
    expect(readdirSync(at.at(place))).toEqual([OTHER])
  expect(JSON.parse(readFileSync(at.at('home.json'), 'utf8')).bundle).toBeUndefined()
  expect(await at.run('models', 'verify', OTHER)).toMatchObject({ code: 0 })
  expect(await at.run(...words, '--yes')).toMatchObject({ code: 66 })
})

test('models remove --weights takes the weight files that no other bundle was made from', async () => {
  using at = homeWith(IDS)
  mkdirSync(at.at('weights/DNABERT-S'), { recursive: true })
  const files = {
    'esm2.pt': 'weights of ESM-2',
    'DNABERT-S/model.safetensors': 'weights of DNABERT-S',
    'DNABERT-S/config.json': '{}',
    'DNABERT-S/notes.txt': 'mine',
    '500_model.pth': 'another one of that name',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(at.at('weights', name), text)
  const source = (digit: string, ...names: (keyof typeof files)[]) => ({
    licence: 'MIT',
    files: names.map((name) => ({
      name: name.split('/').at(-1)!,
      bytes: files[name].length,
      sha256: digit.repeat(64),
    })),
  })
  const reseal = (id: string, esm: string) =>
    resealBundle(at.at('bundles', id), ({ models }) => {
      models.esm2.source = source(esm, 'esm2.pt')
      models.dnabert_s.source = source('d', 'DNABERT-S/model.safetensors', 'DNABERT-S/config.json')
      const [file] = source('5', '500_model.pth').files
      models.mlp.source = { licence: 'MIT', files: [{ ...file!, bytes: 3 }] }
    })
  reseal(ONE, '1')
  reseal(OTHER, '2')
  expect(await at.run('models', 'remove', ONE, '--yes', '--weights')).toMatchObject({ code: 0 })
  expect(readdirSync(at.at('weights')).sort()).toEqual(['500_model.pth', 'DNABERT-S'])
  expect(await at.run('models', 'remove', OTHER, '--yes', '--weights')).toMatchObject({ code: 0 })
  expect(readdirSync(at.at('weights')).sort()).toEqual(['500_model.pth', 'DNABERT-S'])
  expect(readdirSync(at.at('weights/DNABERT-S'))).toEqual(['notes.txt'])
})

test('a bundle that holds a file of somebody else, or is in use, stays', async () => {
  using at = homeWith(IDS)
  await deployed(at, ONE)
  const remove = () => at.run('models', 'remove', ONE, '--yes')
  const strangers = [
    'bundles/notes',
    'derived/bf16-fused/notes',
    'plans/notes',
    'plans/bf16-fused/10.6.0/esm2/notes',
    'repositories/bf16-fused/10.6.0/notes',
  ]
  for (const name of strangers) {
    const [place = '', ...below] = name.split('/')
    const path = at.at(place, ONE, ...below)
    writeFileSync(path, 'mine')
    const { code, stderr } = await remove()
    expect(stderr).toContain(path)
    expect(code).toBe(73)
    Bun.spawnSync(['rm', path])
  }
  const user = await lease(at.at('repositories', ONE, ...FORM), at.env)
  const { code, stderr } = await remove()
  expect(stderr).toContain(`in use, by process ${process.pid}`)
  expect(code).toBe(75)
  expect(existsSync(at.at('bundles', ONE))).toBe(true)
  await user[Symbol.asyncDispose]()
  expect(await remove()).toMatchObject({ code: 0 })
})

test('bundles and repositories of version 0.1.0 are listed, used, and removed or left alone in words', async () => {
  using at = homeWith([ONE])
  // Neither the manifest nor the list of a repository had checksums.
  const path = at.at('bundles', ONE, 'manifest.json')
  const { checksum: _, ...manifest } = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify(manifest))
  expect(JSON.parse((await at.run('models', 'list', '--json')).stdout)).toMatchObject([{ problem: null }])
  expect(await at.run('verify', '--sequences', '1')).toMatchObject({ code: 0 })
  await deployed(at, ONE)
  const old = at.at('repositories', ONE, ...FORM)
  writeFileSync(
    join(old, 'virnucpro-repository.json'),
    JSON.stringify({ format: 'virnucpro-repository', version: 1, backend: 'tensorrt' }),
  )
  const refused = await at.run('models', 'remove', ONE, '--yes')
  expect(refused.stderr).toContain(`${old}/`)
  expect(refused.code).toBe(73)
  rmSync(at.at('repositories', ONE), { recursive: true })
  expect(await at.run('models', 'remove', ONE, '--yes')).toMatchObject({ code: 0 })
})

test('what uses a bundle and was killed does not keep it', async () => {
  using at = homeWith([ONE])
  const door = join(import.meta.dir, '../../../src/home/index.ts')
  const program = `await (await import(${JSON.stringify(door)})).lease(${JSON.stringify(at.at('bundles', ONE))}); console.log('held'); await Bun.sleep(1e6)`
  const child = Bun.spawn([process.execPath, '-e', program], {
    env: { ...process.env, ...at.env },
    stdout: 'pipe',
  })
  await child.stdout.getReader().read()
  expect((await at.run('models', 'remove', ONE, '--yes')).code).toBe(75)
  child.kill('SIGKILL')
  await child.exited
  const [name = ''] = readdirSync(at.at('locks'))
  const lock = readFileSync(at.at('locks', name))
  expect((await at.run('models', 'remove', ONE, '--yes')).code).toBe(0)
  expect(readdirSync(at.at('locks'))).toEqual([])
  // And what was to become a lock when its process was killed.
  for (const dead of [name, `${name}.new.1234`]) writeFileSync(at.at('locks', dead), lock)
  expect((await at.run('home', 'clean')).code).toBe(0)
  expect(readdirSync(at.at('locks'))).toEqual([])
  // Runs that are killed again and again leave no more than the last of them.
  for (const dead of [name, `${name}.new.1234`]) writeFileSync(at.at('locks', dead), lock)
  await using _ = await lease(at.at('bundles', ONE), at.env)
  const names = readdirSync(at.at('locks'))
  expect(names.length).toBe(1)
  expect(names).not.toContain(name)
})

test.if(hasTerminal)('models remove asks on a terminal', async () => {
  using at = homeWith(IDS)
  using terminal = openTerminal(120, 20)
  const main = join(import.meta.dir, '../../../src/cli/main.ts')
  const type = () =>
    terminal.type(
      `VIRNUCPRO_HOME=${at.at()} ${process.execPath} ${main} models remove aaaa1; echo ended $?`,
      'Enter',
    )
  type()
  await terminal.until((screen) => screen.includes('[y/N]'))
  terminal.type('n', 'Enter')
  await terminal.until((screen) => screen.includes('ended 0'))
  expect(existsSync(at.at('bundles', ONE))).toBe(true)
  type()
  await terminal.until((screen) => (screen.match(/\[y\/N\]/g) ?? []).length === 2)
  terminal.type('y', 'Enter')
  await terminal.until((screen) => (screen.match(/ended 0/g) ?? []).length === 2)
  expect(existsSync(at.at('bundles', ONE))).toBe(false)
})

test('home show says where the home is and what each place takes', async () => {
  using at = homeWith([ONE])
  await deployed(at, ONE)
  const facts = JSON.parse((await at.run('home', 'show', '--json')).stdout)
  expect(facts).toMatchObject({ home: at.at(), readOnly: false })
  expect(facts.freeBytes).toBeGreaterThan(0)
  const places = Object.fromEntries(
    facts.places.map((each: { place: string; bytes: number }) => [each.place, each.bytes]),
  )
  expect(places.weights).toBe(0)
  expect(places.bundles).toBeGreaterThan(100_000)
  const { stdout } = await at.run('home', 'show')
  expect(stdout).toMatch(new RegExp(`^home +\\S+ \\w+  ${at.at()}\n`))
  expect(stdout).toContain(at.at('repositories'))
})

/** A name that unfinished files and folders have. */
const unfinished = (digit: string) => `.virnucpro-${digit.repeat(32)}.tmp`

test('home clean removes leftovers, orphans and caches, says how much, and nothing that is used or unknown', async () => {
  using at = homeWith([OTHER])
  await deployed(at, ONE)
  await deployed(at, OTHER)
  mkdirSync(at.at('cache'))
  writeFileSync(at.at('cache/speeds.json'), 'x'.repeat(5000))
  const begun = (path: string, pid: number) => {
    mkdirSync(path)
    writeFileSync(join(path, 'weights.bin'), 'half')
    const stat = readFileSync(`/proc/${process.pid}/stat`, 'utf8')
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const place = `${boot} ${readlinkSync('/proc/self/ns/pid')}`
    writeFileSync(
      join(path, '.virnucpro-unfinished.json'),
      JSON.stringify({ output: 'x', pid, started, place }),
    )
  }
  begun(at.at('bundles', unfinished('1')), 2 ** 22 + 1)
  begun(at.at('bundles', unfinished('2')), process.pid)
  writeFileSync(at.at(unfinished('3')), 'of today')
  mkdirSync(at.at('mine'))
  writeFileSync(at.at('mine/thesis.txt'), 'mine')
  writeFileSync(at.at('plans', ONE, 'mine.txt'), 'mine')
  const before = readdirSync(at.at(), { recursive: true }).sort()

  const dry = await at.run('home', 'clean', '--dry-run')
  expect(dry.stderr).toContain('would free')
  expect(readdirSync(at.at(), { recursive: true }).sort()).toEqual(before)
  const { code, stderr } = await at.run('home', 'clean')
  expect(code).toBe(0)
  expect(stderr).toContain(at.at('derived', ONE))
  expect(stderr).toContain(`kept ${at.at('plans', ONE)}`)
  expect(stderr).toContain('freed ')
  expect(readdirSync(at.at('bundles')).sort()).toEqual([unfinished('2'), OTHER].sort())
  expect(readdirSync(at.at('derived'))).toEqual([OTHER])
  expect(readdirSync(at.at('repositories'))).toEqual([OTHER])
  expect(readdirSync(at.at('plans')).sort()).toEqual([ONE, OTHER])
  expect(readdirSync(at.at('cache'))).toEqual([])
  expect(existsSync(at.at('mine/thesis.txt'))).toBe(true)
  expect(existsSync(at.at(unfinished('3')))).toBe(true)
  expect(await at.run('models', 'verify')).toMatchObject({ code: 0 })

  // What was made of a bundle that is gone, and is still used.
  await deployed(at, ONE)
  await using _ = await lease(at.at('derived', ONE), at.env)
  expect((await at.run('home', 'clean')).stderr).toContain(`kept ${at.at('derived', ONE)}`)
  expect(existsSync(at.at('derived', ONE))).toBe(true)
})

test('home clean removes nothing where the folder of the bundles cannot be seen', async () => {
  using at = homeWith([ONE])
  await deployed(at, ONE)
  renameSync(at.at('bundles'), at.folder.join('elsewhere'))
  // As of a disk that is not mounted now.
  symlinkSync(at.folder.join('unmounted'), at.at('bundles'))
  const before = readdirSync(at.at(), { recursive: true }).sort()
  const { code, stderr } = await at.run('home', 'clean')
  expect(stderr).toContain(`cannot read ${at.at('bundles')}`)
  expect(code).toBe(66)
  expect(readdirSync(at.at(), { recursive: true }).sort()).toEqual(before)
})

test('home clean --plans needs to know which plans are current', async () => {
  using at = homeWith([ONE])
  const { code, stderr } = await at.run('home', 'clean', '--plans')
  expect(stderr).toContain('nothing is set up for GPUs')
  expect(code).toBe(66)
})

test('plans and repositories that are not for this TensorRT or these GPUs can go', async () => {
  using at = homeWith([ONE])
  await deployed(at, ONE)
  cpSync(at.at('plans', ONE, ...FORM), at.at('plans', ONE, FORM[0], '10.8.0'), { recursive: true })
  cpSync(at.at('repositories', ONE, ...FORM), at.at('repositories', ONE, FORM[0], '10.8.0'), {
    recursive: true,
  })
  const current = { tensorrt: '10.8.0', capabilities: ['90'] }
  const { removed, kept } = await cleanHome({ owners: OWNERS, current, dryRun: false, environment: at.env })
  expect(kept).toEqual([])
  expect(removed).toHaveLength(6)
  for (const place of ['plans', 'repositories'])
    expect(readdirSync(at.at(place, ONE, FORM[0]))).toEqual(['10.8.0'])
  expect(readdirSync(at.at('plans', ONE, FORM[0], '10.8.0/esm2')).sort()).toEqual([
    'model_sm90.json',
    'model_sm90.plan',
  ])
})

test('home clean --servers removes servers of ours but the one on record', async () => {
  using at = homeWith([ONE])
  const record = {
    ...{ format: 'virnucpro-server', version: 1, triton: '2.51.0', tensorrt: '10.6.0', python: '3.11' },
    ...{ packages: [], installed: '2026-01-01T00:00:00.000Z' },
  }
  for (const name of ['old', 'current', 'mine']) {
    mkdirSync(at.at('servers', name), { recursive: true })
    if (name !== 'mine')
      writeFileSync(at.at('servers', name, 'server.json'), JSON.stringify({ ...record, name }))
  }
  writeFileSync(at.at('servers/tritonserver-24.12-py3.sif'), 'image')
  const server = { kind: 'private', name: 'current' }
  const gpu = { precision: 'bf16', attention: 'standard', server }
  writeFileSync(at.at('home.json'), JSON.stringify({ format: 'virnucpro-home', version: 1, gpu }))
  expect(await at.run('home', 'clean')).toMatchObject({ code: 0 })
  expect(readdirSync(at.at('servers'))).toHaveLength(4)
  {
    await using _ = await lease(at.at('servers/old/tritonserver'), at.env)
    expect((await at.run('home', 'clean', '--servers')).stderr).toContain(`kept ${at.at('servers/old')}`)
  }
  expect(readdirSync(at.at('servers')).sort()).toEqual(['current', 'mine', 'old'])
  expect(await at.run('home', 'clean', '--servers')).toMatchObject({ code: 0 })
  expect(readdirSync(at.at('servers')).sort()).toEqual(['current', 'mine'])
})

test('home clean does not wait for what is being made, and leaves it alone', async () => {
  using at = homeWith([OTHER])
  await deployed(at, ONE)
  mkdirSync(at.at('cache/packages/cu12-1.2'), { recursive: true })
  writeFileSync(at.at('cache/packages/cu12-1.2/wheel'), 'half')
  const hold = async () => {
    const { stderr } = await at.run('home', 'clean')
    expect(stderr).toContain(`kept ${at.at('derived', ONE)}: another process`)
    expect(stderr).toContain(`kept ${at.at('cache/packages/cu12-1.2')}: another process`)
  }
  const environment = at.env
  await withHomeLock(serverLock('cu12-1.2'), () => withHomeLock(bundleLock(ONE), hold, { environment }), {
    environment,
  })
  expect(existsSync(at.at('cache/packages/cu12-1.2/wheel'))).toBe(true)
  expect(await at.run('home', 'clean')).toMatchObject({ code: 0 })
  expect(readdirSync(at.at('cache/packages'))).toEqual([])
})

test('a removal that is killed at any moment leaves a whole bundle, or nothing that home clean does not remove', async () => {
  for (let round = 0; round < 8; round++) {
    using at = homeWith(IDS, ONE)
    await deployed(at, ONE)
    const child = spawnCli(['models', 'remove', ONE, '--yes'], { env: at.env })
    await Bun.sleep(150 + 12 * round)
    child.kill('SIGKILL')
    await child.exited
    if (readdirSync(at.at('bundles')).includes(ONE)) {
      expect(await at.run('models', 'verify', ONE)).toMatchObject({ code: 0 })
      expect(await at.run('models', 'remove', ONE, '--yes')).toMatchObject({ code: 0 })
    }
    const { code, stderr } = await at.run('home', 'clean')
    expect(stderr).not.toContain('kept')
    expect(code).toBe(0)
    const left = ['bundles', 'derived', 'plans', 'repositories', 'locks'].flatMap((place) =>
      readdirSync(at.at(place)),
    )
    expect(left).toEqual([OTHER])
  }
})
