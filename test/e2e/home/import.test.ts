import { afterAll, beforeAll, expect, test } from 'bun:test'
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import { writeRandomMlp } from '../../../scripts/support/random-models.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { backbonesId, openBundle } from '../../../src/bundle/index.ts'
import { readHome } from '../../../src/home/index.ts'
import { type ModelPaths, writeRandomModels } from '../../integration/import/support/models.ts'
import { resultOf, spawnCli } from '../../support/cli.ts'
import { CONTIGS, homeWith, type TestHome } from './support.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

let models: ModelPaths
let weights: string[]
const file = (name: string) => folder.join(`${name}.safetensors`)
const M300 = `300=${file('a')}`
const M500 = `500=${file('b')}`

beforeAll(async () => {
  models = await writeRandomModels(folder.path)
  weights = ['--esm', models.esm, '--dnabert', models.dnabert]
  for (const [name, seed] of [
    ['a', 31],
    ['b', 32],
    ['c', 33],
  ] as const)
    await writeRandomMlp(file(name), seed, 48, 16)
})

const bundles = (at: TestHome) => (existsSync(at.at('bundles')) ? readdirSync(at.at('bundles')) : [])

test('an import without a folder goes into the home, and is the default', async () => {
  using at = homeWith([])
  const words = ['models', 'import', ...weights, '--mlp', M500]
  const made = await at.run(...words)
  expect(made.stderr).toContain('it is the default bundle')
  expect(made).toMatchObject({ code: 0, stdout: '' })
  const [id = ''] = bundles(at)
  const folderOf = at.at('bundles', id)
  const { manifest } = await openBundle(folderOf)
  expect(id).toBe(backbonesId(manifest))
  expect(manifest.name).toBe('esm2-2-layers-of-24')
  const sources = { esm: models.esm, dnabert: models.dnabert }
  expect(await readHome(at.env)).toMatchObject({ bundle: id, sources })
  const before = statSync(join(folderOf, 'manifest.json'), { bigint: true })

  // Once more: nothing is done.
  const again = await at.run(...words)
  expect(again.stderr).toContain('nothing to do')
  expect(again.code).toBe(0)
  expect(statSync(join(folderOf, 'manifest.json'), { bigint: true })).toEqual(before)

  // The same with another classifier: only that is added, once.
  const weightsBefore = statSync(join(folderOf, 'esm2/weights.bin'), { bigint: true })
  for (const _ of [1, 2])
    expect(await at.run('models', 'import', ...weights, '--mlp', M300)).toMatchObject({ code: 0 })
  expect(statSync(join(folderOf, 'esm2/weights.bin'), { bigint: true })).toEqual(weightsBefore)
  const listed = JSON.parse((await at.run('models', 'list', '--json')).stdout)
  expect(listed).toMatchObject([{ id, classifiers: [500, 300] }])
  for (const length of ['300', '500'])
    expect(await at.run('predict', CONTIGS, '-e', length, '-o', `out-${length}`)).toMatchObject({ code: 0 })

  const forced = await at.run(...words, '--force')
  expect(forced.stderr).toContain('wrote ')
  expect(statSync(join(folderOf, 'esm2/weights.bin'), { bigint: true }).ino).not.toBe(weightsBefore.ino)
})

test('classifiers are added without the weights of the language models', async () => {
  using at = homeWith([])
  await at.run('models', 'import', ...weights, '--mlp', M500)
  expect((await at.run('models', 'import', '--mlp', M300)).stderr).toContain('has 2 classifiers')
  const outside = at.folder.join('bundle')
  await at.run('models', 'import', ...weights, '--mlp', M500, '-o', outside)
  expect(await at.run('models', 'import', '--mlp', M300, '--bundle', outside)).toMatchObject({ code: 0 })
  expect((await openBundle(outside)).manifest.models.classifiers).toHaveLength(1)

  const other = `500=${file('c')}`
  const taken = await at.run('models', 'import', '--mlp', other)
  expect(taken.code).toBe(73)
  expect(taken.stderr).toContain('--force')
  expect(await at.run('models', 'import', '--mlp', other, '--force')).toMatchObject({ code: 0 })
  expect((await at.run('models', 'info')).stdout).toContain('c.safetensors')
})

test.each([
  [['--mlp', 'x', '--bundle', 'demo'], 'no such file'],
  [['--mlp', M300, '--bundle', 'demo'], 'the demonstration cannot be changed'],
  [['--mlp', M300, '--esm', 'x'], '--dnabert is missing'],
  [['--mlp', M300, '--precision', 'int8'], '--esm and --dnabert are missing'],
  [['--mlp', M300, '-o', 'x'], '--esm and --dnabert are missing'],
  [['--mlp', M300, '--esm', 'x', '--dnabert', 'x', '--bundle', 'x'], '--output'],
  [['--mlp', M300, '--esm', 'x', '--dnabert', 'x', '-o', 'x', '--default'], 'contradict'],
  [['--mlp', M300], 'no model bundle is set up'],
])('%j: %s', async (words, message) => {
  await Bun.sleep(0)
  using at = homeWith([])
  const { code, stderr } = await at.run('models', 'import', ...words)
  expect(stderr).toContain(message)
  expect([64, 66]).toContain(code)
  expect(readdirSync(at.at())).toEqual([])
})

test('a second bundle is the default only when asked for; weights are remembered with each', async () => {
  using at = homeWith([])
  const other = await writeRandomModels(at.folder.path, 7)
  const words = [
    'models',
    'import',
    '--esm',
    other.esm,
    '--dnabert',
    other.dnabert,
    '--mlp',
    `500=${other.mlp}`,
  ]
  await at.run('models', 'import', ...weights, '--mlp', M500)
  const [first = ''] = bundles(at)
  expect((await at.run(...words)).stderr).toContain('use it with --bundle ')
  expect(await readHome(at.env)).toMatchObject({ bundle: first, sources: { esm: models.esm } })
  const second = bundles(at).find((id) => id !== first) ?? ''
  await at.run('models', 'default', second)
  expect(await readHome(at.env)).toMatchObject({ bundle: second, sources: { esm: other.esm } })
  await at.run('models', 'import', ...weights, '--mlp', M500, '--default')
  expect(await readHome(at.env)).toMatchObject({ bundle: first, sources: { esm: models.esm } })
  await at.run('models', 'remove', first, '--yes')
  const left = await readHome(at.env)
  expect(left.bundle).toBeUndefined()
  expect(left.sources).toBeUndefined()
  // The only one that is left.
  expect(await at.run('models', 'verify')).toMatchObject({ code: 0 })
})

test('another calibration than that of the bundle that is there is said, not ignored', async () => {
  using at = homeWith([])
  const int8 = ['models', 'import', ...weights, '--mlp', M500, '--precision', 'int8']
  expect(await at.run(...int8)).toMatchObject({ code: 0 })
  const same = await at.run(...int8, '--calibrate', CONTIGS)
  expect(same.stderr).not.toContain('calibrated with')
  copyFileSync(CONTIGS, at.folder.join('mine.fa'))
  await Bun.write(at.folder.join('mine.fa'), `${readFileSync(CONTIGS, 'utf8')}\n`)
  const other = await at.run(...int8, '--calibrate', 'mine.fa')
  expect(other.stderr).toMatch(/warning: .*calibrated with contigs.fasta.*--force/)
  expect(other.code).toBe(0)
})

test('two imports of the same at once make it once', async () => {
  using at = homeWith([])
  const start = () =>
    resultOf(spawnCli(['models', 'import', ...weights, '--mlp', M500], { env: { ...at.env, NO_COLOR: '1' } }))
  const results = await Promise.all([start(), start(), start()])
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0])
  const said = results.map(({ stderr }) => stderr)
  expect(said.filter((text) => text.includes('wrote '))).toHaveLength(1)
  expect(said.filter((text) => text.includes('nothing to do'))).toHaveLength(2)
  expect(bundles(at)).toHaveLength(1)
  expect(await at.run('models', 'verify')).toMatchObject({ code: 0 })
})

test('imports, removals and killed imports at once leave a whole bundle or none', async () => {
  using at = homeWith([])
  const start = (...words: string[]) => spawnCli(['models', ...words], { env: { ...at.env, NO_COLOR: '1' } })
  const first = start('import', ...weights, '--mlp', M500)
  expect(await first.exited).toBe(0)
  const [id = ''] = bundles(at)
  for (let round = 0; round < 3; round++) {
    const killed = start('import', ...weights, '--mlp', M500, '--force')
    const others = [start('remove', id, '--yes'), start('import', ...weights, '--mlp', M500)]
    await Bun.sleep(250 + 150 * round)
    killed.kill('SIGKILL')
    await killed.exited
    for (const other of others) {
      const { code, stderr } = await resultOf(other)
      expect({ stderr, isFine: [0, 66].includes(code) }).toMatchObject({ isFine: true })
    }
    for (const name of bundles(at))
      if (!name.startsWith('.')) expect(await at.run('models', 'verify', id)).toMatchObject({ code: 0 })
  }
  expect(await at.run('models', 'import', ...weights, '--mlp', M500)).toMatchObject({ code: 0 })
  expect(await at.run('home', 'clean')).toMatchObject({ code: 0 })
  expect({ bundles: bundles(at), locks: readdirSync(at.at('locks')) }).toEqual({ bundles: [id], locks: [] })
})

test('an import that is killed while it makes, changes or removes a name leaves nothing that home clean does not remove', async () => {
  using at = homeWith([])
  const words = ['models', 'import', ...weights, '--mlp', M500]
  expect(await at.run(...words)).toMatchObject({ code: 0 })
  const [id = ''] = bundles(at)
  for (let event = 0; event < 12; event++) {
    const killed = spawnCli([...words, '--force'], { env: at.env })
    let left = event
    const onEvent = () => void (left-- <= 0 && killed.kill('SIGKILL'))
    const watchers = ['bundles', 'locks'].map((place) => watch(at.at(place), onEvent))
    await killed.exited
    for (const watcher of watchers) watcher.close()
    expect(await at.run('home', 'clean')).toMatchObject({ code: 0 })
    const found = { event, bundles: bundles(at), locks: readdirSync(at.at('locks')) }
    if (found.bundles.length === 0) expect(await at.run(...words)).toMatchObject({ code: 0 })
    expect({ ...found, bundles: bundles(at) }).toEqual({ event, bundles: [id], locks: [] })
    expect(await at.run('models', 'verify', id)).toMatchObject({ code: 0 })
  }
})
