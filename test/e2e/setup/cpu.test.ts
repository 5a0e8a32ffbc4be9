import { afterAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { classifiersOf, openBundle } from '../../../src/bundle/index.ts'
import { writeRandomModels } from '../../integration/import/support/models.ts'
import { repository } from '../../support/cli.ts'
import { hasTerminal, openTerminal } from '../../support/terminal.ts'
import { asOrdinaryUser, makeOwn, makeReadOnly } from '../../support/user.ts'
import { open, PREDICT, user, WEIGHTS, weights } from './support.ts'

describe('a machine without a GPU', () => {
  const me = user({ CUDA_VISIBLE_DEVICES: '' })
  afterAll(() => me[Symbol.asyncDispose]())

  const base = () => openBundle(me.home('bundles', me.record().bundle))

  test('is looked at first, and nothing is changed', async () => {
    const { stdout } = await me.succeed('setup', ...WEIGHTS, '--dry-run')
    expect(stdout).toContain('no GPU is set up; the CPU computes in fp32')
    expect(open(stdout)).toEqual(['the bundle in FP32', 'the speed of this processor, for estimates'])
    expect(existsSync(me.home())).toBe(false)
  })

  test('does not wait for weights from a pipe', async () => {
    const pipe = me.join('pipe')
    Bun.spawnSync(['mkfifo', pipe])
    for (const name of ['--esm', '--dnabert', '--mlp'])
      for (const command of [
        ['setup', '--yes'],
        ['models', 'import'],
      ]) {
        const { code, stderr } = await me.run(...command, ...WEIGHTS.with(WEIGHTS.indexOf(name) + 1, pipe))
        expect(stderr).toBe(
          `error: ${name} ${pipe}: expected a file, got a pipe or a device; save it to a file first\n`,
        )
        expect(code).toBe(66)
      }
    expect(existsSync(me.home())).toBe(false)
  })

  test('is not set up without a yes where nobody can be asked', async () => {
    const { code, stderr } = await me.run('setup', ...WEIGHTS)
    expect(code).toBe(64)
    expect(stderr).toContain('--yes')
    expect(existsSync(me.home())).toBe(false)
  })

  test('is set up with one command, and the three forms of a run need no other option', async () => {
    const { stdout } = await me.succeed('setup', ...WEIGHTS, '--yes')
    expect(stdout).toBe(PREDICT)
    const reads = me.reads()
    await me.succeed('predict', '--input', reads, '--output-dir', 'seeds')
    await me.succeed(reads, '500', weights.mlp)
    const broad = ['--model-type', '500', '--model-path', weights.mlp, '--expected-length', '500']
    await me.succeed('predict', reads, ...broad, '--output-dir', 'broad')
    const table = (folder: string) =>
      readFileSync(me.join(folder, 'prediction_results_highestscore.csv'), 'utf8')
    const found = readdirSync(me.path, { recursive: true, encoding: 'utf8' })
    expect(found.filter((name) => name.endsWith('prediction_results.txt'))).toHaveLength(3)
    expect(table('seeds/reads_merged')).toBe(table('broad/reads_merged'))
    expect(table('reads_merged')).toBe(table('seeds/reads_merged'))
  })

  test('has nothing left to do', async () => {
    const { stdout, stderr } = await me.succeed('setup')
    expect(stderr).toContain('everything is set up')
    expect(stderr).toMatch(/\d+ (of \d+ )?checks of this machine passed/)
    expect(stdout).toBe(PREDICT)
    expect(open((await me.succeed('setup', ...WEIGHTS, '--dry-run')).stdout)).toEqual([])
  })

  test('gets another classifier without an import', async () => {
    const { digest } = await base()
    const short = me.join('short.pth')
    writeFileSync(short, readFileSync(weights.mlp))
    const { stderr } = await me.succeed('setup', '--mlp', `300=${short}`, '--yes')
    expect(stderr).not.toContain('esm2: writing')
    const { manifest } = await base()
    expect(classifiersOf(manifest).map(({ chunkLength }) => chunkLength)).toEqual([500, 300])
    expect((await base()).manifest.models.esm2.weights).toBeDefined()
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    const { stdout } = await me.succeed('setup', '--mlp', `300=${short}`, '--dry-run')
    expect(open(stdout)).toEqual([])
  })

  test('gets another precision with the classifiers that it has', async () => {
    const before = me.record().bundle
    await me.succeed('setup', '--precision', 'int8', '--yes')
    const { manifest } = await base()
    expect(manifest.precision).toBe('int8')
    expect(classifiersOf(manifest)).toHaveLength(2)
    await me.succeed('setup', '--precision', 'fp32', '--yes')
    expect(me.record().bundle).toBe(before)
  })

  test('makes a damaged bundle again from the weights on record', async () => {
    truncateSync(me.home('bundles', me.record().bundle, 'esm2/weights.bin'), 100)
    const run = await me.run('predict', me.reads(), '--output-dir', me.join('damaged'))
    expect(run.code).toBe(65)
    expect(run.stderr).toContain('has 100 bytes')
    expect(run.stderr).toContain('virnucpro setup')
    const refused = await me.run('setup', '--yes')
    expect(refused.code).toBe(65)
    expect(refused.stderr).toContain('virnucpro setup --mlp 300=FILE --mlp 500=FILE')
    await me.succeed('setup', '--mlp', `500=${weights.mlp}`, '--yes')
    expect(open((await me.succeed('setup', '--dry-run')).stdout)).toEqual([])
  })

  test('gets other models, which are the default from then on', async () => {
    const before = me.record().bundle
    const other = await writeRandomModels(me.join('other'))
    const words = ['--esm', other.esm, '--dnabert', other.dnabert, '--mlp', `500=${other.mlp}`]
    await me.succeed('setup', ...words, '--yes')
    expect(me.record().bundle).not.toBe(before)
    expect(me.record().sources).toEqual({ esm: other.esm, dnabert: other.dnabert })
    expect(open((await me.succeed('setup', '--dry-run')).stdout)).toEqual([])
  })
})

test.each([
  ['a path that leads nowhere', ['--esm', 'no-such-file', '--dnabert', weights.dnabert], 66],
  [
    'models that were swapped',
    ['--esm', weights.dnabert, '--dnabert', weights.esm, '--mlp', weights.mlp],
    65,
  ],
  ['a classifier of other models', [...WEIGHTS.slice(0, 4), '--mlp', weights.esm], 65],
  ['two classifiers for one length', [...WEIGHTS, '--mlp', `500=${weights.esm}`], 64],
  ['FP8 without sequences', [...WEIGHTS, '--precision', 'fp8'], 64],
  ['a GPU that is not there', [...WEIGHTS, '--gpus', '0'], 64],
  ['a precision of GPUs without one', [...WEIGHTS, '--precision', 'bf16'], 64],
])('%s: said, and nothing is changed', async (_, words, code) => {
  await using me = user({ CUDA_VISIBLE_DEVICES: '' })
  const result = await me.run('setup', ...words, '--yes')
  expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(/error: /)])
  const made = existsSync(me.home()) ? readdirSync(me.home(), { recursive: true, encoding: 'utf8' }) : []
  expect(made.filter((name) => /manifest|home\.json/.test(name))).toEqual([])
})

test('weights that are not named come from a folder, and both classifiers with them', async () => {
  await using me = user({ CUDA_VISIBLE_DEVICES: '' })
  const media = me.join('media')
  cpSync(weights.esm, join(media, 'esm2_t36_3B_UR50D.pt'))
  cpSync(weights.dnabert, join(media, 'DNABERT-S'), { recursive: true })
  for (const name of ['300_model.pth', '500_model.pth']) cpSync(weights.mlp, join(media, name))
  const { stdout } = await me.succeed('setup', '--from', media, '--dry-run')
  expect(stdout).toContain(
    '1. the weights of esm2:3B (MIT), dnabert_s (Apache-2.0), 300_model.pth (MIT), 500_model.pth (MIT): about',
  )
  expect(existsSync(me.home())).toBe(false)
  await me.succeed('setup', '--from', media, '--yes')
  expect(me.record().sources.esm).toBe(me.home('weights', 'esm2_t36_3B_UR50D.pt'))
  const { manifest } = await openBundle(me.home('bundles', me.record().bundle))
  expect(classifiersOf(manifest).map(({ chunkLength }) => chunkLength)).toEqual([300, 500])
  expect(open((await me.succeed('setup', '--dry-run')).stdout)).toEqual([])
})

test('weights that are nowhere are said, with what brings them', async () => {
  await using me = user({ CUDA_VISIBLE_DEVICES: '' })
  const empty = me.join('empty')
  mkdirSync(empty)
  const { code, stderr } = await me.run('setup', '--from', empty, '--yes')
  expect([code, stderr]).toEqual([66, expect.stringContaining('esm2_t36_3B_UR50D.pt')])
  expect(existsSync(me.home('bundles'))).toBe(false)
})

describe.skipIf(!hasTerminal)('on a terminal', () => {
  test.each([
    ['n', false],
    ['y', true],
  ])('the answer %s decides', async (answer, isDone) => {
    await using me = user()
    using terminal = openTerminal(140, 40)
    const program = [process.execPath, join(repository, 'src/cli/main.ts'), 'setup', ...WEIGHTS]
    terminal.type(
      `CUDA_VISIBLE_DEVICES= VIRNUCPRO_HOME=${me.home()} ${program.join(' ')}; echo ended $?`,
      'Enter',
    )
    await terminal.until((screen) => screen.includes('Go on? [y/N]'))
    expect(existsSync(me.home('bundles'))).toBe(false)
    terminal.type(answer, 'Enter')
    const screen = await terminal.until((each) => /^ended \d+/m.test(each))
    expect(screen).toContain(isDone ? 'ended 0' : 'ended 64')
    expect(existsSync(me.home('bundles'))).toBe(isDone)
  })
})

test('whoever cannot write to the home may look, and changes nothing', async () => {
  await using me = user({ CUDA_VISIBLE_DEVICES: '' })
  await me.succeed('setup', ...WEIGHTS, '--yes')
  chmodSync(me.path, 0o755)
  makeReadOnly(me.home())
  makeOwn(me.join('own'))
  const other = (...words: string[]) =>
    Bun.spawnSync([...asOrdinaryUser(), process.execPath, join(repository, 'src/cli/main.ts'), ...words], {
      cwd: me.join('own'),
      env: {
        PATH: process.env.PATH!,
        HOME: me.join('own'),
        VIRNUCPRO_HOME: me.home(),
        CUDA_VISIBLE_DEVICES: '',
      },
    })
  const looked = other('setup')
  expect([looked.exitCode, looked.stdout.toString()]).toEqual([0, PREDICT])
  const changed = other('setup', '--precision', 'int8', '--yes')
  expect([changed.exitCode, changed.stderr.toString()]).toEqual([73, expect.stringContaining('read-only')])
  expect(readdirSync(me.home('bundles'))).toHaveLength(1)
})

test('a disk that is too small is said before anything is made', async () => {
  if (process.getuid?.() !== 0 || Bun.which('mount') === null) return
  const folder = temporaryFolder()
  const small = folder.join('small')
  const { exitCode } = Bun.spawnSync([
    'sh',
    '-c',
    `mkdir ${small} && mount -t tmpfs -o size=8m none ${small}`,
  ])
  if (exitCode !== 0) return
  try {
    await using me = user({ CUDA_VISIBLE_DEVICES: '' }, join(small, 'home'))
    const { code, stderr } = await me.run('setup', ...WEIGHTS, '--yes')
    expect(code).toBe(74)
    expect(stderr).toContain('the disk is too small')
    expect(existsSync(me.home('bundles'))).toBe(false)
  } finally {
    Bun.spawnSync(['umount', small])
    await folder[Symbol.asyncDispose]()
  }
})
