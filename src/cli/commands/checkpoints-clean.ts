import { flag, section } from '../../settings/index.ts'
import { printable } from '../../system/printable.ts'
import { command, RUN_FOLDER } from '../command.ts'

export default command({
  usage: ['DIR [OPTIONS]'],
  examples: [
    ['Print what would be removed:', 'checkpoints clean results --dry-run'],
    ['Remove the large .pt files of finished runs, too:', 'checkpoints clean results --intermediates'],
  ],
  notes: ['Tables and FASTA files are never removed, nor are files of other kinds or newer versions.'],
  words: RUN_FOLDER,
  exits: '`66` no such folder; `75` a run goes on there',
  options: section('What to remove', {
    dryRun: flag('print what would be removed and remove nothing'),
    intermediates: flag('also remove the `.pt` files of finished runs'),
    unfinished: flag('also remove the state of unfinished runs, which then start from the beginning'),
  }),
  async run({ args, word: folder, logger, signal }) {
    const { cleanFolder } = await import('../../legacy/index.ts')
    const { dryRun, intermediates, unfinished } = args
    const count = await cleanFolder({
      folder,
      dryRun,
      intermediates,
      unfinished,
      onLeftover: ({ path, reason }) => process.stdout.write(`${printable(`${path}: ${reason}`)}\n`),
      signal,
    })
    logger.info(dryRun ? `${count} to be removed; nothing was` : `removed ${count}`)
  },
})
