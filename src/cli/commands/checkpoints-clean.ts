import { printable } from '../../system/printable.ts'
import { commonArgs } from '../args/logging.ts'
import { folderArgument } from '../checkpoints-argument.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

export const help: CommandHelp = {
  name: 'virnucpro checkpoints clean',
  about:
    'Removes what runs have left behind and nobody can use: temporary and damaged files, finished states.',
  usage: ['DIR [OPTIONS]'],
  groups: [
    {
      title: 'What to remove',
      args: [
        { name: 'dryRun', long: ['dry-run'], help: 'print what would be removed and remove nothing' },
        {
          name: 'intermediates',
          long: ['intermediates'],
          help: 'also the .pt files of finished runs',
        },
        {
          name: 'unfinished',
          long: ['unfinished'],
          help: 'also the state of unfinished runs, which then start from the beginning',
        },
      ],
    },
    commonArgs,
  ],
  notes: ['Tables and FASTA files are never removed, nor are files of other kinds or newer versions.'],
}

export default strictCommand(help, async (line) => {
  const folder = await folderArgument(line)
  const { logger } = await startSession(line)
  return async () => {
    const { cleanFolder } = await import('../../legacy/index.ts')
    const dryRun = line.isOn('dryRun')
    const count = await withSignals(logger, (signal) =>
      cleanFolder({
        folder,
        dryRun,
        intermediates: line.isOn('intermediates'),
        unfinished: line.isOn('unfinished'),
        onLeftover: ({ path, reason }) => process.stdout.write(`${printable(`${path}: ${reason}`)}\n`),
        signal,
      }),
    )
    logger.info(dryRun ? `${count} to be removed; nothing was` : `removed ${count}`)
  }
})
