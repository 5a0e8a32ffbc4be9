import { ExitCode } from '../../exit-codes.ts'
import {
  broadOptions,
  type Configuration,
  flag,
  section,
  settings,
  toPredictOptions,
} from '../../settings/index.ts'
import { UsageError } from '../../system/errors.ts'
import { requireBundle, requireFiles, requireInputs } from '../arguments.ts'
import { command } from '../command.ts'
import { printEstimate } from '../print-estimate.ts'
import { asksForSamples, samplesOf } from '../samples.ts'

export default command({
  usage: ['FILE [FILE …] [OPTIONS]', 'FILE LENGTH MODEL.pth [OPTIONS]'],
  examples: [
    ['Call contigs, with the default bundle:', 'predict contigs.fasta --output-dir results'],
    [
      'Call the reads of two files as one sample:',
      'predict reads_1.fastq.gz reads_2.fastq.gz -o results -m 300',
    ],
    [
      'Use servers that run on other machines:',
      'predict contigs.fasta -o results --triton gpu1:8001,gpu2:8001',
    ],
  ],
  usual: [
    'outputDir',
    'sampleSheet',
    'prefix',
    'layout',
    'bundle',
    'modelType',
    'backend',
    'triton',
    'gpus',
    'threads',
    'resume',
    'force',
    'dryRun',
  ],
  notes: [
    'Three words of which the second is a whole number are FILE LENGTH MODEL.pth, the form of the original.',
    'Every switch that can be set in a configuration file has a --no- form, for example --no-resume.',
  ],
  words: 'inputs',
  forRun: true,
  exits:
    '`2` some parts or samples failed; `65` an input, bundle or classifier holds what it should not; `66` one of them does not exist; `69` no server to begin with, or GPUs that are not set up; `73`, `74` an output cannot be made or written; `75` locked, servers lost during the run, no memory',
  options: {
    ...settings,
    ...section('Input and output', {
      dryRun: flag(
        'print what the run would take, as `estimate` does, and neither compute nor write anything',
      ),
    }),
    ...section('Starting again', {
      forceResume: flag('the same as `--resume --force`', { turnsOn: ['resume', 'force'] }),
    }),
    ...broadOptions,
  },
  check({ configuration }) {
    const { outputDir } = toPredictOptions(configuration)
    if (asksForSamples(configuration) && outputDir === undefined)
      throw new UsageError('each sample gets a folder: name the folder for them with --output-dir')
  },
  async run({ args: { dryRun }, configuration, ...session }) {
    const { logger, signal } = session
    const options = toPredictOptions(configuration)
    const samples = await samplesOf(configuration, logger)
    if (dryRun) return await printEstimate(options, { ...DRY, samples, logger, signal })
    await requireBundle(options.bundle)
    if (samples === undefined) await requireInputs(...options.inputs)
    await requireFiles([['model', options.mlp]])
    // Loaded here and not above: it brings ONNX Runtime, which nothing before this line needs.
    const { predict, predictSamples } = await import('../../predict/index.ts')
    const context = { ...session, inUse: inUseOf(configuration) }
    if (samples === undefined) {
      const { failedParts } = await predict(options, context)
      if (failedParts > 0) process.exitCode = ExitCode.partial
      return
    }
    const { outputDir = '.' } = options
    const result = await predictSamples(samples, { ...options, outputDir }, context)
    if (result.samples.some(({ status }) => status !== 'finished')) process.exitCode = ExitCode.partial
  },
})

/** An estimate that leaves nothing behind. */
const DRY = { json: false, measure: false, keepSpeed: false }

/** Files that are read besides those of the options. */
function inUseOf({ file, effective }: Configuration): (readonly [what: string, path: string])[] {
  const { sampleSheet } = effective.values
  return [
    ...(file === undefined ? [] : [['the configuration file', file] as const]),
    ...(sampleSheet === undefined ? [] : [['the sample sheet', sampleSheet] as const]),
  ]
}
