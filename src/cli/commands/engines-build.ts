import type { ModelName } from '../../backends/index.ts'
import { UsageError } from '../../system/index.ts'
import { enginesArgs } from '../args/engines.ts'
import { commonArgs } from '../args/logging.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import type { CommandLine } from '../parse/index.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

export const help: CommandHelp = {
  name: 'virnucpro engines build',
  about: 'Builds TensorRT plans from a bundle, for the GPU of this machine.',
  usage: ['--bundle BUNDLE --output DIR [OPTIONS]'],
  groups: [enginesArgs, commonArgs],
  notes: ['A plan loads in the TensorRT version it was built by: build with that of the server.'],
}

export default strictCommand(help, async (line) => {
  const [extra] = line.positionals
  if (extra !== undefined)
    throw new UsageError(`unexpected argument ${extra}: every file is named by an option`)
  const output = line.text('output')
  if (output === undefined) throw new UsageError('--output is missing')
  const models = modelsOf(line)
  const given = {
    ...defined('bounds', boundsText(line, models)),
    ...defined('tokenBudget', whole(line, 'planTokens', '--tokens', 512, 2 ** 22)),
    ...defined('python', line.text('python')),
    ...defined('trtexec', line.text('trtexec')),
    ...defined('optimizationLevel', whole(line, 'optimizationLevel', '--optimization-level', 0, 5)),
    ...defined('timingCache', line.text('timingCache')),
    ...defined('workspaceBytes', gigabytes(line)),
    builder: oneOf(line, 'builder', ['python', 'trtexec'] as const),
    force: line.isOn('rebuild'),
  }
  const { logger, configuration } = await startSession(line)
  const { bundle } = configuration.effective.values
  if (bundle === undefined) throw new UsageError('--bundle is missing')
  return async () => {
    const { boundsOf, buildEngines } = await import('../../engines/index.ts')
    const { bounds, ...rest } = given
    await withSignals(logger, (signal) =>
      buildEngines({
        bundle,
        output,
        models,
        ...rest,
        ...(bounds !== undefined && { bounds: boundsOf(bounds) }),
        onProgress: (message) => logger.info(message),
        signal,
      }),
    )
    logger.info(
      `make a model repository with: virnucpro repository build --bundle ${bundle} --backend tensorrt --plans ${output} --output REPOSITORY`,
    )
  }
})

function modelsOf(line: CommandLine): readonly ModelName[] {
  const model = oneOf(line, 'model', ['all', 'esm2', 'dnabert_s'] as const)
  return model === 'all' ? ['esm2', 'dnabert_s'] : [model]
}

/** The two models count tokens differently, so that one list of lengths cannot be meant for both. */
function boundsText(line: CommandLine, models: readonly ModelName[]): string | undefined {
  const text = line.text('profiles')
  if (text !== undefined && models.length > 1)
    throw new UsageError('--profiles is for one model: add --model esm2 or --model dnabert_s')
  return text
}

function oneOf<Name extends string>(
  line: CommandLine,
  name: string,
  names: readonly [Name, ...Name[]],
): Name {
  const value = line.text(name) ?? names[0]
  const found = names.find((each) => each === value)
  if (found !== undefined) return found
  throw new UsageError(`--${name}: expected one of ${names.join(', ')}, got ${JSON.stringify(value)}`)
}

function whole(
  line: CommandLine,
  name: string,
  flag: string,
  least: number,
  most: number,
): number | undefined {
  const text = line.text(name)
  if (text === undefined) return undefined
  const value = /^\d{1,8}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(
    `${flag}: expected a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`,
  )
}

function gigabytes(line: CommandLine): number | undefined {
  const text = line.text('workspace')
  if (text === undefined) return undefined
  const value = Number(text)
  if (value > 0 && value < 10_000) return Math.round(value * 1e9)
  throw new UsageError(`--workspace: expected gigabytes, such as 8, got ${JSON.stringify(text)}`)
}

function defined<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value })
}
