import { type Bundle, forModels, MODEL_NAMES, MODELS, type ModelName } from '../../bundle/index.ts'
import { UsageError, VirnucproError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { enginesArgs } from '../args/engines.ts'
import { commonArgs } from '../args/logging.ts'
import { strictCommand } from '../command.ts'
import { requireInputs } from '../files.ts'
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
  const lengthsFrom = line.text('lengthsFrom')
  if (lengthsFrom !== undefined) {
    if (given.bounds !== undefined)
      throw new UsageError('--profiles and --lengths-from contradict each other; keep one')
    await requireInputs([lengthsFrom])
  } else if (line.text('expectedLength') !== undefined)
    throw new UsageError('--expected-length needs --lengths-from')
  const dryRun = line.isOn('planOnly')
  const { logger, configuration } = await startSession(line)
  const { bundle, expectedLength } = configuration.effective.values
  if (bundle === undefined) throw new UsageError('--bundle is missing')
  return async () => {
    const { boundsOf, buildEngines } = await import('../../server/engines/index.ts')
    const { computesOnCpu, openBundle } = await import('../../bundle/index.ts')
    const opened = await openBundle(bundle)
    const { precision, attention } = opened.manifest
    const { bounds: text, ...rest } = given
    await withSignals(logger, async (signal) => {
      const fixed = text === undefined ? undefined : boundsOf(text)
      const bounds =
        lengthsFrom === undefined
          ? fixed
          : await chosenBounds(opened, lengthsFrom, expectedLength || 500, logger, signal)
      if (dryRun) {
        if (computesOnCpu(precision))
          logger.warn(`the bundle is in ${precision}: plans are built from one in bf16, fp16 or fp8`)
        await printProfiles(models, bounds, given.tokenBudget)
      } else {
        await buildEngines({
          bundle,
          output,
          models,
          ...rest,
          ...(bounds !== undefined && { bounds }),
          onProgress: (message) => logger.info(message),
          signal,
        })
      }
    })
    if (dryRun) return
    logger.info(
      `make a model repository with: virnucpro repository build --bundle ${bundle} --backend ${attention === 'fused' ? 'python' : 'tensorrt'} --plans ${output} --output REPOSITORY`,
    )
  }
})

/** Profiles for the lengths of an input; what they were chosen from goes to standard output. */
async function chosenBounds(
  bundle: Bundle,
  input: string,
  expectedLength: number,
  logger: Logger,
  signal: AbortSignal,
): Promise<Record<ModelName, number[]>> {
  const { chooseBounds, countLengths, describeLengths, MOST_RANGES } = await import(
    '../../server/engines/index.ts'
  )
  const { histograms, frames, whole } = await countLengths(bundle, {
    inputs: [input],
    expectedLength,
    signal,
  })
  if (frames === 0)
    throw new VirnucproError(
      `${input} has no reading frame without a stop codon: there are no lengths to choose for`,
    )
  logger.info(`${frames} frames of ${input}${whole ? '' : ', where counting stopped'}`)
  const chosen = (model: ModelName) => {
    process.stdout.write(`${model}\n${describeLengths(histograms[model])}\n`)
    // Whatever comes later can be computed too.
    return chooseBounds(histograms[model], MOST_RANGES, MODELS[model].profiles.at(-1))
  }
  return forModels(chosen)
}

async function printProfiles(
  models: readonly ModelName[],
  bounds: readonly number[] | Record<ModelName, readonly number[]> | undefined,
  tokenBudget: number | undefined,
): Promise<void> {
  const { profilesFor } = await import('../../server/engines/index.ts')
  for (const model of models) {
    const ends = bounds === undefined ? MODELS[model].profiles : 'esm2' in bounds ? bounds[model] : bounds
    process.stdout.write(`profiles of ${model}\n`)
    for (const { min, opt, max } of profilesFor({
      bounds: ends,
      tokenBudget: tokenBudget ?? MODELS[model].tokenBudget,
    })) {
      process.stdout.write(
        `  ${min[1]} to ${max[1]} tokens, tuned for ${opt[0]} rows of ${opt[1]}, up to ${max[0]} rows\n`,
      )
    }
  }
}

function modelsOf(line: CommandLine): readonly ModelName[] {
  const model = oneOf(line, 'model', ['all', ...MODEL_NAMES] as const)
  return model === 'all' ? MODEL_NAMES : [model]
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
