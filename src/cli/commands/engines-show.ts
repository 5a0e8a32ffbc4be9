import type { FoundEngine } from '../../server/engines/index.ts'
import { NoInputError, UsageError, VirnucproError } from '../../system/errors.ts'
import { printable } from '../../system/printable.ts'
import { commonArgs } from '../args/logging.ts'
import { strictCommand } from '../command.ts'
import { requirePaths } from '../files.ts'
import type { CommandHelp } from '../help.ts'
import { startSession } from '../session.ts'

export const help: CommandHelp = {
  name: 'virnucpro engines show',
  about: 'Prints the TensorRT plans in a folder: GPU, TensorRT, lengths, and why one cannot be used.',
  usage: ['DIR [--bundle BUNDLE]'],
  groups: [
    {
      title: 'What to compare with',
      args: [
        { name: 'bundle', long: ['bundle'], hint: 'BUNDLE', help: 'the bundle that the plans should be of' },
      ],
    },
    commonArgs,
  ],
}

export default strictCommand(help, async (line) => {
  const [folder, extra] = line.positionals
  if (folder === undefined)
    throw new UsageError('no folder given: expected that of --output of engines build')
  if (extra !== undefined) throw new UsageError(`unexpected argument ${extra}: expected one folder`)
  await requirePaths([['folder', folder]])
  const { configuration } = await startSession(line)
  const path = configuration.effective.values.bundle
  return async () => {
    const { findEngines } = await import('../../server/engines/index.ts')
    const { openBundle } = await import('../../bundle/index.ts')
    const bundle = path === undefined ? undefined : await openBundle(path)
    const found = await findEngines(folder, { bundle })
    process.stdout.write(found.map((each) => `${describe(each).map(printable).join('\n')}\n`).join(''))
    if (found.length === 0) {
      throw new NoInputError(
        `no TensorRT plan in ${folder}: expected esm2/model_smXX.plan or dnabert_s/model_smXX.plan`,
      )
    }
    const bad = found.filter(({ problem }) => problem !== undefined).length
    if (bad > 0) throw new VirnucproError(`${bad} of ${found.length} plans cannot be used as they are`)
  }
})

function describe({ path, bytes, sidecar, problem }: FoundEngine): string[] {
  const lines = [`${path}  ${(bytes / 1e6).toFixed(1)} MB`]
  if (sidecar !== undefined) {
    const more = sidecar as Record<string, unknown>
    const lengths = sidecar.profiles.map(({ min, max }) => `${min[1]}-${max[1]} (${max[0]} rows)`).join(', ')
    lines.push(
      `  GPU: ${more.gpu ?? 'unknown'}, compute capability ${sidecar.computeCapability}; TensorRT ${sidecar.tensorrt}`,
      `  tokens: ${lengths}`,
      `  bundle: ${sidecar.bundle}`,
      `  built: ${more.built ?? 'unknown'} in ${more.buildSeconds ?? '?'} s`,
    )
  }
  return problem === undefined ? lines : [...lines, `  problem: it ${problem}`]
}
