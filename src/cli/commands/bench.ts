import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { flag, option, section, someOf, text } from '../../settings/index.ts'
import { UnavailableError, UsageError, VirnucproError } from '../../system/errors.ts'
import { requireProcessGroups } from '../../system/platform.ts'
import { command } from '../command.ts'

const PROGRAM = resolve(import.meta.dir, '../../../bench/all.ts')
const GROUPS = ['micro', 'pipeline', 'baseline', 'scaling', 'utilization']

export default command({
  usage: ['[--quick] [--json FILE] [--only NAME[,…]] [--triton grpc://HOST:PORT[,…]]'],
  examples: [
    ['Show that everything runs, in half a minute:', 'bench --quick'],
    ['Keep the figures for a comparison:', 'bench --json before.json'],
  ],
  notes: [
    'The benches are in the source code, not in the installed package: run this from a checkout.',
    'The others are compared where a Python has them: see bench/baseline/setup.sh and docs/reference/performance.md.',
  ],
  exits: '`1` a goal was missed; `69` the benches are not installed',
  options: section('What to measure', {
    quick: flag('a little of each in half a minute, to show that everything runs; the figures mean nothing'),
    json: option(text('FILE'), 'write all results to FILE too, for `bench/compare.ts`'),
    only: option(someOf(...GROUPS), 'some of `micro`, `pipeline`, `baseline`, `scaling` and `utilization`', {
      otherwise: 'the first three; all with `--triton`',
    }),
    triton: option(text('grpc://HOST:PORT[,…]'), 'running servers, to measure how busy their GPUs are'),
  }),
  async run({ args: { quick, json, only, triton }, signal }) {
    if (!existsSync(PROGRAM))
      throw new UnavailableError(
        'the benches are not part of the installed package: get the source code of this version, run scripts/setup.sh there, ' +
          'then node_modules/bun/bin/bun.exe src/cli/main.ts bench',
      )
    // It ends the programs of a bench as a group.
    requireProcessGroups('the benches cannot run')
    const given = Object.entries({ json, only, triton }).filter(([, value]) => value !== undefined)
    const flags = [
      ...(quick ? ['--quick'] : []),
      ...given.flatMap(([name, value]) => [`--${name}`, `${value}`]),
    ]
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
    const code = await child.exited
    if (code === 2) throw new UsageError('nothing was measured')
    if (code !== 0) throw new VirnucproError(`a bench has failed or missed its goal (exit code ${code})`)
  },
})

function endGroup(head: number): void {
  try {
    process.kill(-head, 'SIGTERM')
  } catch {
    // It has ended.
  }
}
