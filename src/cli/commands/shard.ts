import { flag, option, pick, section, settings, text, wholeNumber } from '../../settings/index.ts'
import { UsageError } from '../../system/errors.ts'
import { count } from '../../text/numbers.ts'
import { requireInputs } from '../arguments.ts'
import { command } from '../command.ts'

export default command({
  usage: ['FILE [FILE …] --shards N|--bases N --output-dir DIR [OPTIONS]'],
  examples: [
    ['Make eight shards:', 'shard sample.fasta --shards 8 --output-dir shards'],
    [
      'Make compressed shards of paired reads, each of at most 100 Mb:',
      'shard reads_R1.fastq.gz reads_R2.fastq.gz --bases 100000000 --gzip --output-dir shards',
    ],
  ],
  notes: [
    'Give each shard to a `virnucpro predict` of its own, and their output folders to `virnucpro merge`.',
    'Mates get into the same shard. A shard is FASTA, whatever the input is.',
  ],
  words: 'more',
  completes: 'files',
  exits:
    '`65` the input holds what it should not; `66` it does not exist; `73`, `74` the folder cannot be made or written',
  options: section('Shards', {
    shards: option(wholeNumber('N', 1, 100_000), 'make N shards with about the same number of bases'),
    bases: option(wholeNumber('N', 1), 'make shards of at most N bases; a longer record has one for itself'),
    outputDir: option(text('DIR'), 'folder to make', { short: 'o', required: true }),
    prefix: settings.prefix,
    gzip: flag('compress the shards'),
    ...pick(settings, 'onInvalid', 'duplicateIds', 'allowEmpty'),
    force: flag('replace shards that are there', { short: 'f' }),
  }),
  check({ args: { shards, bases }, words }) {
    if (words.length === 0)
      throw new UsageError('no input: name one or more FASTA or FASTQ files, or - for standard input')
    if ((shards === undefined) === (bases === undefined))
      throw new UsageError('give either --shards or --bases')
  },
  async run({ args, words, logger, signal }) {
    await requireInputs(...words)
    const {
      shards,
      bases = 1,
      onInvalid,
      duplicateIds = onInvalid === 'skip' ? 'skip' : 'fail',
      ...rest
    } = args
    const { shardInputs } = await import('../../shards/index.ts')
    const made = await shardInputs(
      {
        ...rest,
        inputs: [...words],
        onInvalid,
        duplicateIds,
        size: shards === undefined ? { bases } : { shards },
      },
      { logger, signal },
    )
    logger.info(
      `${count(made.records, 'record')} in ${count(made.shards.length, 'shard')}: ${args.outputDir}`,
    )
  },
})
