// What other users of the machine can see of a run, and what they can put in its way.
import { afterAll, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { resultOf, spawnCli } from '../../support/cli.ts'
import { asOrdinaryUser } from '../../support/user.ts'
import { startFake } from '../dispatch/support/fake-server.ts'
import { regionsOf, serve } from '../serve/support.ts'

const folder = temporaryFolder()
const input = folder.join('in.fa')
writeFileSync(input, `>a\n${'ACGC'.repeat(60)}\n`)
afterAll(() => folder[Symbol.asyncDispose]())

const underMask = (mask: string) => ['sh', '-c', `umask ${mask}; exec "$@"`, 'sh']
const RUN = ['predict', input, '--bundle', 'demo', '--no-progress', '-k', '-l', 'run.log']

/** What others may do with anything below a folder, as the worst bits of all modes. */
function worstMode(path: string): number {
  const names = readdirSync(path, { recursive: true }).map(String)
  expect(names.length).toBeGreaterThan(20)
  return names.reduce((mode, name) => mode | (lstatSync(join(path, name)).mode & 0o777), 0)
}

test('files of a run have the permissions that the user gives with umask, and none beyond', async () => {
  for (const [mask, worst] of [
    ['077', 0o700],
    ['027', 0o750],
    ['022', 0o755],
  ] as const) {
    const cwd = folder.join(mask)
    mkdirSync(cwd)
    const child = spawnCli([...RUN, '-o', 'out'], {
      cwd,
      within: underMask(mask),
      env: { NO_COLOR: '1', VIRNUCPRO_HOME: join(cwd, 'home') },
    })
    const { code, stderr } = await resultOf(child)
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect({ mask, worst: worstMode(cwd) }).toEqual({ mask, worst })
  }
})

test('what lies in a shared folder for temporary files is for its user alone', async () => {
  const temporary = folder.join('temporary')
  mkdirSync(temporary)
  chmodSync(temporary, 0o1777)
  const child = Bun.spawn(
    [
      ...underMask('000'),
      ...[
        process.execPath,
        join(import.meta.dir, '../../../src/cli/main.ts'),
        'estimate',
        '-',
        '--bundle',
        'demo',
        '--duplicate-ids',
        'suffix',
      ],
    ],
    {
      env: { ...process.env, TMPDIR: temporary, NO_COLOR: '1' },
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'ignore',
    },
  )
  child.stdin.write(`>secret\n${'ACGTACGTACGT\n'.repeat(1e5)}`)
  await child.stdin.flush()
  const copies = () =>
    readdirSync(temporary, { recursive: true })
      .map((name) => join(temporary, String(name)))
      .filter((path) => statSync(path).isFile() && statSync(path).size > 0)
  // What comes is written in pieces of some size.
  while (copies().length === 0 && child.exitCode === null) await Bun.sleep(20)
  const modes = readdirSync(temporary, { recursive: true }).map(
    (name) => lstatSync(join(temporary, String(name))).mode & 0o077,
  )
  const found = copies().map((path) => readFileSync(path, 'utf8'))
  await child.stdin.end()
  await child.exited
  expect(found.join('')).toContain('>secret')
  expect(new Set(modes)).toEqual(new Set([0]))
  expect(readdirSync(temporary)).toEqual([])
})

test('a header from the environment or a file is in no command line that others can list', async () => {
  const SECRET = 'xyzzy-plugh-42'
  const asked = Promise.withResolvers<void>()
  using server = await startFake({
    infer() {
      asked.resolve()
      return undefined
    },
  })
  const child = spawnCli([...RUN, '-o', folder.join('header'), '--triton', server.url], {
    cwd: folder.path,
    env: { NO_COLOR: '1', VIRNUCPRO_TRITON_HEADER: `authorization: Bearer ${SECRET}` },
  })
  await asked.promise
  const lines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      } catch {
        return ''
      }
    })
  child.kill('SIGKILL')
  await child.exited
  expect(lines.some((line) => line.includes(folder.join('header')))).toBe(true)
  expect(lines.filter((line) => line.includes(SECRET))).toEqual([])
})

test('in a folder that all may write to, links planted under the names of results lead nowhere', async () => {
  const shared = folder.join('shared')
  mkdirSync(shared)
  chmodSync(shared, 0o1777)
  const victim = folder.join('victim')
  writeFileSync(victim, 'mine')
  symlinkSync(victim, join(shared, 'in_results'))
  const before = readdirSync(shared)
  const { code, stderr } = await resultOf(
    spawnCli(['predict', input, '--bundle', 'demo', '--no-progress', '-o', shared, '--force'], {
      cwd: folder.path,
    }),
  )
  expect(stderr).toContain(join(shared, 'in_results'))
  expect({ code, left: readdirSync(shared), victim: readFileSync(victim, 'utf8') }).toEqual({
    code: ExitCode.usage,
    left: before,
    victim: 'mine',
  })
})

// Only an administrator can make a file of somebody else.
test.skipIf(process.getuid?.() !== 0)(
  'a configuration that another user has left in the current folder is not obeyed unless it is named',
  async () => {
    const cwd = folder.join('left')
    mkdirSync(cwd)
    chmodSync(folder.path, 0o755)
    const name = 'virnucpro.config.yaml'
    const [marker, program] = [join(cwd, 'marker'), join(cwd, 'program')]
    writeFileSync(program, `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 })
    writeFileSync(join(cwd, name), `server_bin: ${program}\ntriton: grpc://127.0.0.1:1\n`)
    chmodSync(cwd, 0o777)
    const show = async (owner: number, ...more: string[]) => {
      chownSync(join(cwd, name), owner, owner)
      const env = { NO_COLOR: '1', HOME: cwd, VIRNUCPRO_HOME: join(cwd, 'home'), XDG_RUNTIME_DIR: '' }
      const words = ['estimate', input, '--bundle', 'demo', ...more]
      return await resultOf(spawnCli(words, { cwd, within: asOrdinaryUser(), env }))
    }
    const stranger = await show(12_345)
    expect(stranger.stderr).toContain(`${name} in ${cwd} belongs to another user`)
    expect(stranger.code).toBe(ExitCode.usage)
    const allowed = [await show(12_345, '--config', name), await show(0), await show(65_534)]
    for (const { stderr } of allowed) expect(stderr).not.toContain('belongs to another user')
    expect(readdirSync(cwd)).not.toContain('marker')
  },
)

test.skipIf(!hasTriton)('what a server of ours has in shared memory is for its user alone', async () => {
  const repository = folder.join('repository')
  await buildRepository({ bundle: 'demo', backend: 'python', output: repository, threads: 1 })
  const running = await serve(repository)
  try {
    await running.ready()
    const regions = regionsOf(running.child.pid)
    expect(regions.length).toBeGreaterThan(0)
    expect(regions.map((name) => statSync(join('/dev/shm', name)).mode & 0o077)).toEqual(regions.map(() => 0))
  } finally {
    running.child.kill('SIGTERM')
    await running.ended()
  }
})
