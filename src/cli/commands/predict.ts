import { ExitCode } from '../../exit-codes.ts'
import { broadOptions, flag, section, settings, toPredictOptions } from '../../settings/index.ts'
import { requireFiles, requireInputs, requirePaths } from '../arguments.ts'
import { command } from '../command.ts'
import { printEstimate } from '../print-estimate.ts'

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
  options: {
    ...section('Input and output', {
      dryRun: flag(
        'print what the run would take, as `estimate` does, and neither compute nor write anything',
      ),
    }),
    ...settings,
    ...section('Starting again', {
      forceResume: flag('the same as `--resume --force`', { turnsOn: ['resume', 'force'] }),
    }),
    ...broadOptions,
  },
  check({ configuration }) {
    toPredictOptions(configuration)
  },
  async run({ args: { dryRun }, configuration, logger, warnings, terminal, signal }) {
    const options = toPredictOptions(configuration)
    if (dryRun)
      return await printEstimate(options, { json: false, measure: false, keepSpeed: false, logger, signal })
    const { file } = configuration
    const { findBundle } = await import('../../home/index.ts')
    const { id } = await findBundle(options.bundle)
    if (id === undefined && options.bundle !== 'demo') await requirePaths([['bundle', options.bundle]])
    await requireInputs(...options.inputs)
    await requireFiles([['model', options.mlp]])
    // Loaded here and not above: it brings ONNX Runtime, which nothing before this line needs.
    const { predict } = await import('../../predict/index.ts')
    const inUse = file === undefined ? [] : [['the configuration file', file] as const]
    const result = await predict(options, { logger, warnings, terminal, inUse, signal })
    if (result.failedParts > 0) process.exitCode = ExitCode.partial
  },
})
