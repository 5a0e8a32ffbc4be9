import {
  flag,
  option,
  pick,
  section,
  settings,
  text,
  tritonAccess,
  wholeNumber,
} from '../../settings/index.ts'
import { requireBundle, requireInputs } from '../arguments.ts'
import { A_BUNDLE, command } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'

export default command({
  usage: ['[BUNDLE] [--triton HOST:PORT] [OPTIONS]'],
  examples: [
    ['Measure the default bundle, in INT8, in this process:', 'models recheck'],
    [
      'Measure a bundle in FP8 through a server that hosts it:',
      'models recheck models-fp8 --triton localhost:8001 --input reads.fasta',
    ],
  ],
  notes: [
    'What was measured is kept in recheck.json of the bundle. A model repository states it as it was when the repository was built: build it again afterwards.',
  ],
  exits:
    '`64` the bundle has no partner; `65`, `66` the bundle or the input; `69` no server; `74` the bundle cannot be written',
  words: A_BUNDLE,
  completes: 'bundles',
  forRun: true,
  options: {
    ...section('What to measure with', {
      ...pick(settings, 'triton', 'serverTimeout', 'tritonCa', 'tritonCert', 'tritonKey', 'tritonHeader'),
      input: option(
        text('FASTA'),
        'nucleotides like those of your runs: four fifths of the frames are taken from its beginning, the rest is drawn',
        { otherwise: 'all are drawn, from all codons but stop codons' },
      ),
      frames: option(
        wholeNumber('N', 8, 100_000_000),
        'frames to embed in both precisions; what was measured with fewer is measured again',
        { otherwise: '30000 on GPUs, 500 on CPUs' },
      ),
      seed: option(wholeNumber('N', 0, 2 ** 32 - 1), 'seed of the frames that are drawn', { default: 1 }),
      force: flag('measure with classifiers that were measured before, too', { short: 'f' }),
    }),
    ...jsonOutput,
  },
  async run({ args, word, configuration, logger, signal }) {
    const { triton, serverTimeout, input, frames, seed, force } = args
    const { values } = configuration.effective
    const bundle = await requireBundle(word || undefined)
    await requireInputs(input)
    const { keepInput } = await import('../../fasta/index.ts')
    const { measureBundle } = await import('../../verify/index.ts')
    // Read once more for its checksum, and what a pipe gives comes once.
    await using kept = input === undefined ? undefined : await keepInput(input, signal)
    const { records, measured } = await measureBundle({
      bundle,
      triton:
        triton.length > 0 ? { endpoints: triton, access: tritonAccess(values), serverTimeout } : undefined,
      input: kept?.path,
      frames,
      seed,
      threads: values.threads,
      force,
      logger,
      signal,
    })
    if (args.json) printJson('bounds', { bundle, measured, bounds: records })
    if (measured === 0)
      logger.info(`nothing to do: all classifiers of ${bundle} were measured`, {
        code: 'kept',
        data: { again: 'measure' },
      })
    else logger.info(`kept in ${bundle}: what was measured with ${measured} of ${records.length} classifiers`)
  },
})
