import { PULLABLES, type Pullable, type Pulled, pullable, USUAL } from '../../pull/index.ts'
import { flag, option, section, text, wholeNumber } from '../../settings/index.ts'
import { UsageError } from '../../system/errors.ts'
import { printable } from '../../system/printable.ts'
import { didYouMean } from '../../text/suggest.ts'
import { command } from '../command.ts'
import { Meter } from '../meter.ts'

const options = section('Where from and where to', {
  output: option(text('DIR'), 'folder for the models', {
    short: 'o',
    otherwise: '`weights` in [the home](reference/home.md)',
  }),
  from: option(
    text('DIR|FILE|URL'),
    'take the models from a folder or a file of this machine, which needs no network, or from [a mirror](how-to/offline.md#mirrors)',
    { mayHoldSecret: /[@?]/ },
  ),
  connections: option(wholeNumber('N', 1, 16), 'requests at a time for one file', { default: 4 }),
  timeout: option(
    wholeNumber('SECONDS', 1, 3600),
    'give up a connection on which nothing arrives for this time',
    {
      default: 30,
    },
  ),
  retries: option(
    wholeNumber('N', 0, 100),
    'how many times in a row a request is made again after it has failed',
    {
      default: 5,
    },
  ),
  dryRun: flag('print what would be downloaded, how large it is and what is free, and download nothing'),
  force: flag('download files again that exist, and replace them', { short: 'f' }),
})

export default command({
  usage: ['[MODEL …] [OPTIONS]'],
  examples: [
    ['Download everything that a bundle needs:', 'models pull'],
    ['Print what that would be, and how large:', 'models pull --dry-run'],
    ['Take one model from a folder instead:', 'models pull 500 --from /mnt/weights'],
  ],
  notes: [
    'MODEL is esm2 (ESM-2 3B), esm2:SIZE (8M, 35M, 150M, 650M, 3B or 15B), facebook/esm2_… for its form on Hugging Face, ' +
      'dnabert_s, or 300 or 500 for a classifier. Without any: esm2, dnabert_s, 300 and 500.',
    'Prints the name and the path of each model on standard output, with a tab between them.',
  ],
  words: 'more',
  completes: PULLABLES.map(({ name }) => name),
  exits:
    '`65` what came is damaged; `66` it is not there; `69` no network, no answer or no permission; `73`, `74` the folder cannot be made or written, or the disk is too small; `75` interrupted by the server: the same command goes on',
  options,
  check({ words }) {
    modelsOf(words)
  },
  async run({ args, words, configuration, logger, terminal, signal }) {
    const { pullModels } = await import('../../pull/index.ts')
    const { homePlace } = await import('../../home/index.ts')
    const { timeout, output = homePlace('weights') } = args
    const isQuiet = configuration.effective.values.quiet
    const meter = isQuiet ? undefined : new Meter(logger, terminal)
    let pulled: Pulled[]
    try {
      pulled = await pullModels({
        ...args,
        models: modelsOf(words),
        output,
        inPlace: args.output === undefined,
        timeoutMs: timeout * 1000,
        onInfo: (message) => logger.info(message),
        onWarning: (message) => logger.warn(message),
        onProgress: (done, total) => meter?.update(done, total),
        signal,
      })
    } finally {
      terminal?.hide()
    }
    if (args.dryRun) return
    for (const { model, path } of pulled) process.stdout.write(`${model.name}\t${printable(path)}\n`)
    logger.info(`to make a bundle of them: virnucpro models import ${importOptions(pulled)}`)
  },
})

/** @throws UsageError */
function modelsOf(words: readonly string[]): Pullable[] {
  const models = (words.length === 0 ? USUAL : words).map((word) => {
    const found = pullable(word)
    if (found !== undefined) return found
    const hint = didYouMean(word, ['esm2', ...PULLABLES.map(({ name }) => name)])
    throw new UsageError(`unknown model ${word}: expected esm2, esm2:SIZE, dnabert_s, 300 or 500.${hint}`)
  })
  return [...new Set(models)]
}

/** The options of an import for the models that are there, and for those that are not. */
function importOptions(pulled: readonly Pulled[]): string {
  const pathOf = (use: Pullable['use']) => pulled.find(({ model }) => model.use === use)?.path
  const classifiers = pulled.filter(({ model: { use } }) => use === '500' || use === '300')
  const files = classifiers.map(({ model, path }) => `${model.use}=${path}`)
  const mlp = (files.length === 0 ? ['FILE'] : files).map((file) => `--mlp ${file}`)
  return `--esm ${pathOf('esm') ?? 'FILE'} --dnabert ${pathOf('dnabert') ?? 'DIR'} ${mlp.join(' ')}`
}
