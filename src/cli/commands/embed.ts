import { EMBED_KINDS, embedFile, formatOf, modelsFor, TOO_LONG } from '../../embed/index.ts'
import { ExitCode } from '../../exit-codes.ts'
import {
  oneOf,
  option,
  pick,
  section,
  settings,
  text,
  toPredictOptions,
  wholeNumber,
} from '../../settings/index.ts'
import { requireInputs } from '../arguments.ts'
import { command } from '../command.ts'

export default command({
  usage: ['FILE [FILE …] --output FILE [OPTIONS]'],
  examples: [
    ['Embed the open frames of contigs with both models:', 'embed contigs.fasta --output frames.parquet'],
    ['Embed whole proteins with ESM-2:', 'embed proteins.faa --of records --output proteins.npz'],
    [
      'Embed chunks with DNABERT-S, on a server:',
      'embed contigs.fasta --of chunks --output chunks.safetensors --triton gpu1:8001',
    ],
  ],
  usual: [
    'of',
    'model',
    'alphabet',
    'maxLength',
    'tooLong',
    'output',
    'force',
    'bundle',
    'expectedLength',
    'backend',
    'triton',
    'gpus',
    'threads',
  ],
  notes: [
    'The same command continues an interrupted run, and the file is then the same to the byte.',
    'Options that a run of predict has in the configuration file or the environment count here, too.',
  ],
  words: 'inputs',
  forRun: true,
  exits:
    '`2` some sequences could not be embedded; `65` an input or bundle holds what it should not, or a record is too long; `66` one of them does not exist; `69` no server to begin with, or GPUs that are not set up; `73`, `74` the file cannot be made or written; `75` locked, servers lost during the run, no memory',
  options: {
    ...section('What to embed', {
      of: option(
        oneOf(...EMBED_KINDS),
        'open frames and chunks as `predict` cuts them, or [whole records](how-to/embeddings.md#whole-records)',
        { default: 'frames' },
      ),
      model: option(oneOf('dnabert_s', 'esm2', 'both'), 'what embeds them', {
        otherwise: 'both for frames, DNABERT-S for chunks, for records the one that reads them',
      }),
      alphabet: option(oneOf('dna', 'protein'), 'what whole records are', {
        otherwise: 'what `--model` reads, or what the first records look like',
      }),
      maxLength: option(wholeNumber('N', 1), 'most letters of a whole record that are embedded', {
        otherwise: '1022 residues, 10000 bases',
      }),
      tooLong: option(
        oneOf(...TOO_LONG),
        'what to do with longer records: embed the beginning and list them, leave them out and list them, or end with an error',
        { default: 'cut' },
      ),
    }),
    ...section('Input and output', {
      output: option(text('FILE'), 'file of the embeddings: `.parquet`, `.npz` or `.safetensors`', {
        short: 'o',
        required: true,
      }),
      force: { ...settings.force, help: 'start over: replace what an earlier run has recorded as its own' },
    }),
    ...pick(
      settings,
      'input',
      'onInvalid',
      'duplicateIds',
      'allowEmpty',
      'minLength',
      'maxAmbiguous',
      'bundle',
      'expectedLength',
      'backend',
      'triton',
      'serverTimeout',
      'trustServer',
      'tritonCa',
      'tritonCert',
      'tritonKey',
      'tritonHeader',
      'repository',
      'serverBin',
      'backendDirectory',
      'libraryPath',
      'keepServer',
      'device',
      'gpus',
      'threads',
      'tokenBudget',
      'esmBatchSize',
      'dnabertBatchSize',
      'progress',
      'tritonMetrics',
    ),
    minLength: {
      ...settings.minLength,
      help: 'leave shorter records out, in bases; [filtered](reference/input.md#filters) records are only counted',
    },
    expectedLength: {
      ...settings.expectedLength,
      otherwise: '500, or 300 with `model_type` 300 in the configuration',
    },
  },
  check({ args, configuration }) {
    toPredictOptions(configuration)
    formatOf(args.output)
    modelsFor(args)
  },
  async run({ args, configuration, logger, terminal, signal }) {
    const { of, model, alphabet, maxLength, tooLong, output } = args
    const options = toPredictOptions(configuration)
    const { file } = configuration
    const inUse = file === undefined ? [] : [['the configuration file', file] as const]
    await requireInputs(...options.inputs)
    const { failed } = await embedFile(
      { ...options, of, model, alphabet, maxLength, tooLong, output },
      { logger, terminal, inUse, signal },
    )
    if (failed > 0) process.exitCode = ExitCode.partial
  },
})
