import { afterEach, expect, test } from 'bun:test'
import { chmodSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton } from '../../../scripts/support/triton.ts'
import { virnucpro } from '../cli/support.ts'
import { demoRepository, descendants, isAlive, regionsOf, serve } from './support.ts'

const withServer = test.skipIf(!hasTriton)
const SHELLS = ['dash', 'bash', 'busybox'].filter((name) => Bun.which(name) !== null)
/** Longer than the grace of the guard, by far. */
const SOON_MS = 20_000

withServer('SIGKILL of serve and its server at once leaves no process and no shared memory', async () => {
  await using folder = temporaryFolder()
  const running = await serve(await demoRepository(folder.join('repository')))
  await running.ready()
  const { child } = running
  const processes = descendants(child.pid)
  const server = processes.find((pid) => commandOf(pid).includes('--model-repository=')) ?? -1
  expect(regionsOf(child.pid).length).toBe(4)
  process.kill(child.pid, 'SIGKILL')
  process.kill(server, 'SIGKILL')
  await gone(() => processes.some(isAlive) || regionsOf(child.pid).length > 0)
})

withServer('after SIGKILL of everything at once, the next server removes the shared memory', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  const running = await serve(repository)
  await running.ready()
  const { child } = running
  const processes = [child.pid, ...descendants(child.pid)]
  // Guard and serve first, so that nobody is left to tidy up.
  for (const pid of processes.filter((pid) => commandOf(pid).includes('virnucpro-guard')))
    process.kill(pid, 'SIGKILL')
  for (const pid of processes) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  await gone(() => processes.some(isAlive))
  expect(regionsOf(child.pid).length).toBe(4)

  const { http, grpc, metrics } = await freePorts()
  const ports = ['--http-port', http, '--grpc-port', grpc, '--metrics-port', metrics].map(String)
  await virnucpro(['serve', '--repository', repository, '--server-bin', '/bin/false', ...ports])
  expect(regionsOf(child.pid)).toEqual([])
})

test.each(SHELLS)('a killed starter takes its group with it where sh is %s', async (shell) => {
  await using folder = temporaryFolder()
  const host = await startHost(folder.path, shell, 'sleep 600 & sleep 600')
  const processes = [host.pid, ...descendants(host.pid)]
  process.kill(host.child.pid, 'SIGKILL')
  // The leader ends on SIGTERM; its child is not told.
  await gone(() => processes.some(isAlive) || host.regions().length > 0)
})

test('a server that takes no notice of SIGTERM goes as well, and so does what its dead leader left', async () => {
  await using folder = temporaryFolder()
  const deaf = await startHost(folder.path, 'sh', "trap '' TERM; sleep 600 & while :; do sleep 1; done")
  const headless = await startHost(folder.path, 'sh', 'sleep 600 & sleep 600')
  const processes = [deaf, headless].flatMap(({ pid }) => [pid, ...descendants(pid)])
  for (const { child } of [deaf, headless]) process.kill(child.pid, 'SIGSTOP')
  process.kill(headless.pid, 'SIGKILL')
  for (const { child } of [deaf, headless]) process.kill(child.pid, 'SIGKILL')
  await gone(() => processes.some(isAlive))
})

test('a guard that was killed is replaced', async () => {
  await using folder = temporaryFolder()
  const host = await startHost(folder.path, 'sh', 'sleep 600 & sleep 600')
  // A process that has just been forked has the name of its parent.
  await gone(() => host.guards().length === 0)
  const first = host.guards()
  expect(first.length).toBe(1)
  process.kill(first[0] ?? -1, 'SIGKILL')
  await gone(() => host.guards().filter((pid) => !first.includes(pid)).length === 0)
  const processes = [host.pid, ...descendants(host.pid)]
  process.kill(host.child.pid, 'SIGKILL')
  await gone(() => processes.some(isAlive))
})

let hosts = 0
const started: { group: number; prefix: string }[] = []

// Only a test that has failed leaves anything.
afterEach(() => {
  for (const { group, prefix } of started.splice(0)) {
    try {
      process.kill(-group, 'SIGKILL')
    } catch {
      // Nobody of the group is left.
    }
    for (const name of readdirSync('/dev/shm'))
      if (name.startsWith(prefix)) rmSync(join('/dev/shm', name), { force: true })
  }
})

/** A program that has started a process group with two regions, in a PATH where `sh` is the shell given. */
async function startHost(folder: string, shell: string, program: string) {
  const bin = join(folder, `bin${++hosts}`)
  await Bun.write(join(bin, '.keep'), '')
  if (shell === 'busybox') {
    writeFileSync(join(bin, 'sh'), `#!/bin/sh\nexec ${Bun.which('busybox')} sh "$@"\n`)
    chmodSync(join(bin, 'sh'), 0o755)
  } else symlinkSync(Bun.which(shell) ?? '', join(bin, 'sh'))
  const prefix = `virnucpro_test_${process.pid}_group_${hosts}_`
  for (const name of ['a', 'b']) writeFileSync(join('/dev/shm', prefix + name), '')
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'group-host.ts'), prefix, program], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  })
  const { value } = await child.stdout.getReader().read()
  const pid = Number(new TextDecoder().decode(value))
  started.push({ group: pid, prefix })
  while (descendants(pid).length === 0) await Bun.sleep(10)
  return {
    child,
    pid,
    regions: () => readdirSync('/dev/shm').filter((name) => name.startsWith(prefix)),
    guards: () =>
      descendants(child.pid).filter((pid) => isAlive(pid) && commandOf(pid).includes('virnucpro-guard')),
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

async function gone(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + SOON_MS; condition(); ) {
    expect(performance.now()).toBeLessThan(end)
    await Bun.sleep(50)
  }
}
