import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { openBundle } from '../../../src/bundle/index.ts'
import { readRecord } from '../../../src/server/repository/index.ts'
import { resultOf } from '../../support/cli.ts'
import { type StandIns, standInGpus } from '../../support/gpu/standins.ts'
import { open, user, WEIGHTS } from './support.ts'

const KILLS = 20
/** From before the first step to the middle of any: what is done stays, so that all are reached. */
const MOMENTS_MS = [250, 1800] as const

type User = ReturnType<typeof user>

describe.skipIf(!hasTriton)('a set-up that is killed', () => {
  let machine: StandIns
  let whole: User

  beforeAll(async () => {
    machine = await standInGpus({ gpus: ['h200'], buildSeconds: 0.3 })
    whole = user(machine.env)
    await whole.succeed('setup', ...WEIGHTS, '--yes')
  })
  afterAll(async () => {
    await whole[Symbol.asyncDispose]()
    await machine[Symbol.asyncDispose]()
  })

  /** All that decides what a server computes. */
  async function results(me: User) {
    const { bundle, gpu } = me.record()
    const base = await openBundle(me.home('bundles', bundle))
    const derived = await openBundle(me.home('derived', bundle, 'bf16'))
    const repository = await readRecord(me.home('repositories', bundle, 'bf16', '10.6.0'))
    // Two plans of one graph are not the same bytes.
    const files = repository?.files.map(({ path, bytes }) => ({ path, bytes }))
    return { base: base.digest, derived: derived.digest, files, gpu }
  }

  test(`${KILLS} times, at whatever moment, ends with what one that was not has made`, async () => {
    await using me = user(machine.env)
    // Asking the server what it has takes seconds in which nothing happens.
    mkdirSync(me.home())
    const { bundle: _, sources: __, ...decided } = whole.record()
    writeFileSync(me.home('home.json'), JSON.stringify(decided))
    for (let kill = 0; kill < KILLS; kill++) {
      const child = me.start('setup', ...WEIGHTS, '--yes')
      const [first, last] = MOMENTS_MS
      await Promise.race([child.exited, Bun.sleep(first + (last - first) * Math.random())])
      child.kill('SIGKILL')
      await child.exited
    }
    await me.succeed('setup', ...WEIGHTS, '--yes')
    expect(await results(me)).toEqual(await results(whole))
    // Nothing of those that were killed is left.
    const hidden = readdirSync(me.home(), { recursive: true, encoding: 'utf8' })
    expect(hidden.filter((name) => /\.tmp|unfinished|incomplete/.test(name))).toEqual([])
    expect(open((await me.succeed('setup', '--dry-run')).stdout)).toEqual([])
  }, 120_000)

  test('two at once: the second waits, and finds everything there', async () => {
    await using me = user(machine.env)
    const both = await Promise.all(
      [1, 2].map(() => resultOf(me.start('setup', ...WEIGHTS, '--yes', '--calibrate', 'none'))),
    )
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    const said = both.map(({ stderr }) => stderr).join('')
    expect(said.match(/esm2: wrote/g)).toHaveLength(1)
    expect(said).toContain('which sets up the same home')
    expect(open((await me.succeed('setup', '--dry-run')).stdout)).toEqual([])
  })
})

test('Ctrl-C ends a set-up at once, and what is done stays', async () => {
  const folder = temporaryFolder()
  await using me = user({ CUDA_VISIBLE_DEVICES: '' }, folder.join('home'))
  const child = me.start('setup', ...WEIGHTS, '--precision', 'int8', '--yes')
  await Bun.sleep(400)
  child.kill('SIGINT')
  const { code } = await resultOf(child)
  expect([0, 130]).toContain(code)
  await me.succeed('setup', ...WEIGHTS, '--precision', 'int8', '--yes')
  expect(readFileSync(me.home('home.json'), 'utf8')).toContain('"bundle"')
  await folder[Symbol.asyncDispose]()
})
