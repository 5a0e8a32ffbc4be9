import { flag, pick, section, settings, toPredictOptions } from '../../settings/index.ts'
import { command } from '../command.ts'
import { jsonOutput } from '../json.ts'
import { printEstimate } from '../print-estimate.ts'
import { samplesOf } from '../samples.ts'

export default command({
  usage: ['FILE [FILE …] [OPTIONS]', 'FILE LENGTH MODEL.pth [OPTIONS]'],
  examples: [
    ['Estimate a run on every device of this machine:', 'estimate reads.fastq.gz'],
    ['Estimate it for reads of 300 bases:', 'estimate reads.fastq.gz --model-type 300'],
  ],
  usual: ['input', 'bundle', 'modelType', 'backend', 'triton', 'gpus', 'threads', 'measure', 'json'],
  notes: [
    'It counts small inputs whole and takes a sample of large ones; the figures are those of a run that nothing else slows down.',
    'Options that a run has in the configuration file or the environment count here, too.',
  ],
  words: 'inputs',
  forRun: true,
  exits:
    '`65` an input or bundle holds what it should not; `66` one of them does not exist; `69` no server of `--triton` answers',
  options: {
    ...section('Output', {
      ...jsonOutput,
      measure: flag(
        'run some batches to see how fast this process is, even where that is known; they take some seconds',
      ),
    }),
    ...section('The run', {
      ...pick(
        settings,
        'input',
        'sampleSheet',
        'perInput',
        'bundle',
        'modelType',
        'modelPath',
        'expectedLength',
        'anyLength',
        'sequencesPerFile',
        'layout',
        'keepIntermediate',
        'report',
        'onInvalid',
        'duplicateIds',
        'allowEmpty',
        'minLength',
        'maxAmbiguous',
        'backend',
        'triton',
        'trustServer',
        'tritonCa',
        'tritonCert',
        'tritonKey',
        'tritonHeader',
        'gpus',
        'threads',
        'recheck',
        'tokenBudget',
        'esmBatchSize',
        'dnabertBatchSize',
      ),
    }),
  },
  check({ configuration }) {
    toPredictOptions(configuration)
  },
  async run({ args: { json, measure }, configuration, logger, signal }) {
    const options = toPredictOptions(configuration)
    const samples = await samplesOf(configuration, logger)
    await printEstimate(options, { samples, json, measure, keepSpeed: true, logger, signal })
  },
})
