import { flag, oneOf, option, section, text } from '../../settings/index.ts'
import { command, RUN_FOLDER } from '../command.ts'

export default command({
  usage: ['DIR --to vanilla|broad|current [OPTIONS]'],
  examples: [
    [
      "Copy a run of the original into Broad's layout:",
      'checkpoints migrate results --to broad --output results-broad',
    ],
  ],
  notes: ['In place, the old files are replaced and removed only once all the new ones are on disk.'],
  words: RUN_FOLDER,
  exits:
    '`65` some cannot be used; `66` no run there; `73` the output is not empty; `74` a full disk; `75` a run goes on there',
  options: section('Migration', {
    to: option(
      oneOf('vanilla', 'broad', 'current'),
      'layout to write; `current` keeps the one that is there and brings names and versions up to date',
      { required: true },
    ),
    output: option(text('DIR'), 'folder to make', { short: 'o', otherwise: 'in place' }),
    skipDamaged: flag('leave out files that cannot be used instead of stopping'),
  }),
  async run({ args: { to, output, skipDamaged }, word: folder, logger, signal }) {
    const { migrateFolder } = await import('../../legacy/index.ts')
    const written = await migrateFolder({
      folder,
      to,
      output,
      skipDamaged,
      onFile: (path) => logger.debug(`wrote ${path}`),
      onWarning: (text) => logger.warn(text),
      signal,
    })
    logger.info(`wrote ${written} files to ${output ?? folder}`)
  },
})
