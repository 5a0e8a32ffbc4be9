import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type CliResult, resultOf, spawnCli } from '../../support/cli.ts'
import { type Disks, startDisks } from '../../support/faults/disks.ts'
import { SEED } from '../../support/faults/seed.ts'
import { hasFaultTools } from '../../support/faults/tools.ts'
import { startMirror } from '../../support/mirror.ts'
import { torchFile } from '../pull/support.ts'
import { WEIGHTS } from '../setup/support.ts'

setDefaultTimeout(300_000)

/** How often room is made before there is enough: more of them for a look by hand. */
const STEPS = Number(process.env.VIRNUCPRO_TEST_STEPS ?? 2)
const ROOM = 400_000

/** A command that writes to the small disk. */
interface Case {
  readonly name: string
  readonly words: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** It looks at the free space before it begins, so that only inodes run out on the way. */
  readonly asksFirst?: boolean
}

/** What differs between two runs of one command: times, places, and what goes before the run has ended. */
const OF_A_RUN =
  /(^|\/)(\.virnucpro|\.checkpoints|locks|cache|logs|in_report)(\/|$)|(manifest|home|summary|speeds?|estimates?)\.json$|\.lock$/

/** What a command has begun to write. */
const UNFINISHED = /(^|\/)\.virnucpro-.*\.tmp(\/|$)|\.incomplete(\.json)?$/

describe.skipIf(!hasFaultTools)('a disk that takes nothing more', () => {
  const folder = temporaryFolder()
  const disk = folder.join('disk')
  const input = folder.join('in.fa')
  const random = randomSource(SEED)
  const mirror = startMirror()
  let disks: Disks

  const COMPUTE = '--bundle demo --sequences-per-file 11 --token-budget 512 --no-progress'.split(' ')
  const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
    resultOf(spawnCli(words, { within: disks.within, cwd: folder.path, env: { NO_COLOR: '1', ...env } }))

  beforeAll(async () => {
    console.log(`seed ${SEED}`)
    disks = await startDisks()
    mkdirSync(disk)
    writeFileSync(input, randomFasta(1, 24))
    mirror.files.set('/500_model.pth', await torchFile(2))
    const shards = folder.join('shards')
    expect(await run(['shard', input, '--shards', '2', '-o', shards])).toMatchObject({ code: 0 })
    const runs = [1, 2].map((i) =>
      run(['predict', `${shards}/in_shard_000${i}.fasta`, '-o', `${shards}/run${i}`, ...COMPUTE]),
    )
    for (const { code } of await Promise.all(runs)) expect(code).toBe(0)
  })
  afterAll(async () => {
    await disks?.[Symbol.asyncDispose]()
    await mirror[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  /** Files of the small disk that are there to stay, by name. */
  function files(): Map<string, Buffer> {
    const root = disks.at(disk)
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
    return new Map(
      names
        .filter((name) => !OF_A_RUN.test(name) && statSync(join(root, name)).isFile())
        .map((name) => [name, readFileSync(join(root, name))]),
    )
  }

  /** Kibibytes and inodes that are taken. */
  function taken(): { size: number; inodes: number } {
    const all = readdirSync(disks.at(disk), { recursive: true, encoding: 'utf8' })
    const sizes = all.map((name) => Math.ceil(statSync(join(disks.at(disk), name)).size / 4096) * 4)
    return { size: sizes.reduce((a, b) => a + b, 4), inodes: all.length + 1 }
  }

  const shards = folder.join('shards')
  const home = join(disk, 'home')
  const CASES: readonly Case[] = [
    {
      name: 'predict',
      words: ['predict', input, '-o', join(disk, 'out'), ...COMPUTE, '--keep-intermediate'],
    },
    {
      name: 'embed',
      words: ['embed', input, '--bundle', 'demo', '--of', 'chunks', '--output', join(disk, 'e.npz')],
    },
    { name: 'shard', words: ['shard', input, '--shards', '3', '-o', join(disk, 'shards')] },
    {
      name: 'merge',
      words: [
        ...['merge', `${shards}/run1`, `${shards}/run2`, '--manifest', `${shards}/shards.json`],
        ...['-o', join(disk, 'merged')],
      ],
    },
    {
      name: 'models import',
      words: ['models', 'import', ...WEIGHTS, '--output', join(disk, 'bundle')],
      asksFirst: true,
    },
    {
      name: 'setup',
      words: ['setup', ...WEIGHTS, '--yes'],
      env: { VIRNUCPRO_HOME: home, CUDA_VISIBLE_DEVICES: '' },
      asksFirst: true,
    },
    {
      name: 'models pull',
      words: ['models', 'pull', '500', '--from', mirror.url],
      env: { VIRNUCPRO_HOME: home, NO_PROXY: '127.0.0.1' },
      asksFirst: true,
    },
  ]

  const mountWith = (option: string) => disks.mount('-t', 'tmpfs', '-o', option, 'tmpfs', disk)

  /** A command that has met the full disk says so, and leaves nothing under a final name that is not whole. */
  function checkEnd({ code, stderr }: CliResult, expected: ReadonlyMap<string, Buffer>): void {
    expect({ code, stderr }).toMatchObject({ code: 74 })
    expect(stderr.match(/^error: .*/gm)).toHaveLength(1)
    expect(stderr).toMatch(
      /^error: .*(the disk is full; free some space and start the same command again|[Ff]ree some)/m,
    )
    const cut = [...files()].filter(([name, bytes]) => {
      return !UNFINISHED.test(name) && expected.get(name)?.equals(bytes) !== true
    })
    expect(cut.map(([name]) => name)).toEqual([])
  }

  /** Runs a command with ever more room, until it has enough, and compares what is there at each end. */
  async function fill(
    { words, env }: Case,
    option: 'size' | 'nr_inodes',
    steps: readonly number[],
    expected: ReadonlyMap<string, Buffer>,
  ): Promise<void> {
    const limit = (amount: number) => `${option}=${amount}${option === 'size' ? 'k' : ''}`
    await mountWith(limit(steps[0] ?? ROOM))
    try {
      let code: number | undefined
      for (const step of steps) {
        if (code === 0) break
        await disks.mount('-o', `remount,${limit(step)}`, disk)
        const ended = await run(words, env)
        code = ended.code
        if (code !== 0) checkEnd(ended, expected)
      }
      await disks.mount('-o', `remount,${limit(ROOM)}`, disk)
      const last = await run(words, env)
      expect({ code: last.code, stderr: last.code === 0 ? '' : last.stderr }).toEqual({ code: 0, stderr: '' })
      const now = files()
      expect([...now.keys()]).toEqual([...expected.keys()])
      const other = [...now].filter(([name, bytes]) => expected.get(name)?.equals(bytes) !== true)
      expect(other.map(([name]) => name)).toEqual([])
    } finally {
      await disks.umount(disk)
    }
  }

  /** Some amounts below what is needed, ascending, the first of them far below. */
  const steps = (need: number, count: number, least: number) =>
    Array.from({ length: count }, (_, i) =>
      Math.max(least, Math.floor((need * 0.9 * (i + random())) / (count + 1))),
    )

  test.each(CASES)('ends $name with the reason; with more room the same command ends right', async (each) => {
    await mountWith(`size=${ROOM}k`)
    let need = { size: 0, inodes: 0 }
    let expected = new Map<string, Buffer>()
    try {
      const { code, stderr } = await run(each.words, each.env)
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
      need = taken()
      expected = files()
      expect(expected.size).toBeGreaterThan(0)
    } finally {
      await disks.umount(disk)
    }
    // Room for predict is in resume-disk.test.ts, at many sizes.
    if (each.name !== 'predict' || STEPS > 2)
      await fill(each, 'size', steps(need.size, each.asksFirst === true ? 1 : STEPS, 4), expected)
    await fill(each, 'nr_inodes', steps(need.inodes, STEPS - 1, 2), expected)
  })

  test('from the first file of several samples on keeps nobody from going on', async () => {
    const sheet = folder.join('samples.csv')
    writeFileSync(sheet, `sample,fasta\none,${input}\ntwo,${shards}/in_shard_0001.fasta\n`)
    const words = ['predict', '--sample-sheet', sheet, '-o', join(disk, 'out'), ...COMPUTE]
    const ends = new Set<string>()
    await mountWith('size=4k')
    try {
      for (let room = 4; room <= 48; room += 4) {
        await disks.mount('-o', `remount,size=${room}k`, disk)
        const { code, stderr } = await run(words)
        ends.add(`${code} ${/disk is full/.test(stderr)}`)
      }
      await disks.mount('-o', `remount,size=${ROOM}k`, disk)
      const { code, stderr } = await run(words)
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
      expect([...ends]).toEqual(['74 true'])
    } finally {
      await disks.umount(disk)
    }
  })

  test('of temporary files, of the home and of the log does not end a run', async () => {
    await mountWith('size=4k')
    try {
      writeFileSync(join(disks.at(disk), 'filler'), new Uint8Array(4096))
    } catch {
      // Full it is.
    }
    const words = (name: string) => ['predict', input, '-o', folder.join(name), ...COMPUTE]
    const full = { TMPDIR: disk, VIRNUCPRO_HOME: home, XDG_CACHE_HOME: join(disk, 'cache'), HOME: disk }
    const [quiet, disturbed] = await Promise.all([
      run(words('quiet')),
      run([...words('disturbed'), '--log-file', join(disk, 'log')], full),
    ])
    await disks.umount(disk)
    for (const { code, stderr } of [quiet, disturbed])
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(disturbed.stderr).toContain('the disk is full; the work goes on without it')
    const table = (name: string) =>
      readFileSync(folder.join(name, 'in_merged/prediction_results.txt'), 'utf8')
    expect(table('disturbed')).toBe(table('quiet'))
  })

  test('or read-only is said at once by every command, and none begins', async () => {
    await mountWith(`size=${ROOM}k`)
    try {
      await disks.mount('-o', 'remount,ro', disk)
      const ends = await Promise.all(CASES.map(({ words, env }) => run(words, env)))
      for (const [i, { code, stderr }] of ends.entries()) {
        const { name } = CASES[i]!
        expect({ name, stderr: stderr.match(/^error: .*/gm) }).toEqual({
          name,
          stderr: [expect.stringContaining('is read-only')],
        })
        expect({ name, code }).toEqual({ name, code: 73 })
      }
      // What is only read may be on such a disk, and so may the home.
      const readOnly = { TMPDIR: disk, VIRNUCPRO_HOME: home, XDG_CACHE_HOME: join(disk, 'cache'), HOME: disk }
      const { code, stderr } = await run(
        ['predict', input, '-o', folder.join('elsewhere'), ...COMPUTE],
        readOnly,
      )
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    } finally {
      await disks.umount(disk)
    }
  })

  test('leaves the report as it was', async () => {
    await mountWith(`size=${ROOM}k`)
    try {
      expect(await run(['predict', input, '-o', join(disk, 'out'), ...COMPUTE])).toMatchObject({ code: 0 })
      const report = join(disks.at(disk), 'out/in_report/report.html')
      const before = readFileSync(report)
      await disks.mount('-o', `remount,size=${taken().size + 8}k`, disk)
      const { code, stderr } = await run(['report', join(disk, 'out')])
      expect({ code, stderr }).toMatchObject({ code: 74 })
      expect(stderr).toContain('the disk is full; free some space and start the same command again')
      expect(readFileSync(report).equals(before)).toBe(true)
      await disks.mount('-o', `remount,size=${ROOM}k`, disk)
      expect(await run(['report', join(disk, 'out')])).toMatchObject({ code: 0 })
      expect(
        readdirSync(join(disks.at(disk), 'out')).filter((name) => basename(name).endsWith('.tmp')),
      ).toEqual([])
    } finally {
      await disks.umount(disk)
    }
  })
})
