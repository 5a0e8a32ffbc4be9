import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { UnavailableError, UsageError, VirnucproError } from '../../system/errors.ts'
import { benchArgs } from '../args/bench.ts'
import { commonArgs } from '../args/logging.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

export const help: CommandHelp = {
  name: 'virnucpro bench',
  about: 'Measures this program on this machine, beside what one would use instead, and prints one page.',
  usage: ['[--quick] [--json FILE] [--only NAME[,…]] [--triton grpc://HOST:PORT[,…]]'],
  groups: [benchArgs, commonArgs],
  notes: [
    'The benches are in the source code, not in the installed package: run this from a checkout.',
    'The others are compared where a Python has them: see bench/baseline/setup.sh and docs/performance.md.',
  ],
}

const PROGRAM = resolve(import.meta.dir, '../../../bench/all.ts')
const GROUPS = ['micro', 'pipeline', 'baseline', 'scaling', 'utilization']

export default strictCommand(help, async (line) => {
  const [extra] = line.positionals
  if (extra !== undefined) throw new UsageError(`unexpected argument ${extra}`)
  const only = line.text('only')
  const unknown = only?.split(',').find((name) => !GROUPS.includes(name))
  if (unknown !== undefined)
    throw new UsageError(`--only: expected names of ${GROUPS.join(', ')}, got ${JSON.stringify(unknown)}`)
  const flags = [
    ...(line.isOn('quick') ? ['--quick'] : []),
    ...(['json', 'only'] as const).flatMap((name) => given(`--${name}`, line.text(name))),
    ...given('--triton', line.text('benchServers')),
  ]
  const { logger } = await startSession(line)
  return async () => {
    if (!existsSync(PROGRAM))
      throw new UnavailableError(
        'the benches are not part of the installed package: get the source code of this version, run scripts/setup.sh there, ' +
          'then node_modules/bun/bin/bun.exe src/cli/main.ts bench',
      )
    const code = await withSignals(logger, async (signal) => {
      const child = Bun.spawn([process.execPath, PROGRAM, ...flags], {
        stdin: 'ignore',
        stdout: 'inherit',
        stderr: 'inherit',
        // The head of a group: the benches start programs of their own, which must not outlive them.
        detached: true,
      })
      const stop = () => endGroup(child.pid)
      signal.addEventListener('abort', stop)
      if (signal.aborted) stop()
      return await child.exited
    })
    if (code === 2) throw new UsageError('nothing was measured')
    if (code !== 0) throw new VirnucproError(`a bench has failed or missed its goal (exit code ${code})`)
  }
})

function endGroup(head: number): void {
  try {
    process.kill(-head, 'SIGTERM')
  } catch {
    // It has ended.
  }
}

function given(flag: string, value: string | undefined): string[] {
  return value === undefined ? [] : [flag, value]
}
