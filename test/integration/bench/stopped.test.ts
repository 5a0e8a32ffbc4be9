import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository } from '../../support/cli.ts'

/** Processes that were started with an environment. Source: Linux, proc_pid_environ(5). */
function startedWith(variable: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(variable)
      } catch {
        return false
      }
    })
    .map(Number)
}

async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000 && !isSo(); waited += 20) await Bun.sleep(20)
  expect(isSo()).toBe(true)
}

test.skipIf(process.platform !== 'linux')(
  'a signal ends the benches and what they have started',
  async () => {
    using folder = temporaryFolder()
    const child = Bun.spawn([process.execPath, 'src/cli/main.ts', 'bench', '--only', 'micro'], {
      cwd: repository,
      env: { ...process.env, TMPDIR: folder.path },
      stdout: 'ignore',
      stderr: 'ignore',
    })
    const running = () => startedWith(`TMPDIR=${folder.path}`)
    // The command itself, the program of all benches, and one bench.
    await until(() => running().length >= 3)
    child.kill('SIGTERM')
    expect(await child.exited).toBe(143)
    try {
      await until(() => running().length === 0)
    } finally {
      for (const pid of running()) process.kill(pid, 'SIGKILL')
    }
  },
)
