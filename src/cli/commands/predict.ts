import { ExitCode } from '../../exit-codes.ts'
import type { PredictContext } from '../../predict/index.ts'
import { type PredictOptions, toPredictOptions } from '../../settings/index.ts'
import { UsageError } from '../../system/errors.ts'
import { predictGroups } from '../args/predict.ts'
import { strictCommand } from '../command.ts'
import { requireFiles, requireInputs, requirePaths } from '../files.ts'
import type { CommandHelp } from '../help.ts'
import { applyPositionals } from '../positionals.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

const help: CommandHelp = {
  name: 'virnucpro predict',
  about: 'Calls each chunk of the input viral or not.',
  usage: ['FILE [FILE …] --bundle BUNDLE [OPTIONS]', 'FILE LENGTH MODEL.pth --bundle BUNDLE [OPTIONS]'],
  groups: predictGroups,
  notes: [
    'Three words of which the second is a whole number are FILE LENGTH MODEL.pth, the form of the original.',
    'Every switch that can be set in a configuration file has a --no- form, for example --no-resume.',
  ],
}

// Three lines, because this is what a new user reads first.
const NO_BUNDLE = [
  'no model bundle given. Make one from the files of the original:',
  '  virnucpro models import --esm esm2_t36_3B_UR50D.pt --dnabert DNABERT-S --mlp 500_model.pth --output BUNDLE',
  'and name it with --bundle BUNDLE, VIRNUCPRO_BUNDLE or the configuration file; "--bundle demo" runs a demonstration.',
]

export default strictCommand(help, async (line) => {
  const { configuration, logger, warnings, terminal } = await startSession(line, applyPositionals(line))
  const options = toPredictOptions(configuration)
  const { file } = configuration
  const inUse = file === undefined ? [] : [['the configuration file', file] as const]
  return () => runPredict(options, { logger, warnings, terminal, inUse })
})

async function runPredict(options: PredictOptions, context: PredictContext): Promise<void> {
  if (options.bundle === undefined) throw new UsageError(NO_BUNDLE)
  if (options.bundle !== 'demo') await requirePaths([['bundle', options.bundle]])
  await requireInputs(options.inputs)
  if (options.mlp !== undefined) await requireFiles([['model', options.mlp]])
  // Loaded here and not above: it brings ONNX Runtime, which nothing before this line needs.
  const { predict } = await import('../../predict/index.ts')
  const result = await withSignals(context.logger, (signal) => predict(options, { ...context, signal }))
  if (result.failedParts > 0) process.exitCode = ExitCode.partial
}
