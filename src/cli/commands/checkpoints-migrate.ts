import { UsageError } from '../../system/errors.ts'
import { commonArgs } from '../args/logging.ts'
import { folderArgument } from '../checkpoints-argument.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import type { CommandLine } from '../parse/index.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

export const help: CommandHelp = {
  name: 'virnucpro checkpoints migrate',
  about: 'Brings the files of a run into the layout of the original or of Broad.',
  usage: ['DIR --to vanilla|broad|current [OPTIONS]'],
  groups: [
    {
      title: 'Migration',
      args: [
        {
          name: 'to',
          long: ['to'],
          hint: 'vanilla|broad|current',
          help: 'layout to write; current keeps the one that is there and brings names and versions up to date',
        },
        {
          name: 'output',
          long: ['output'],
          short: 'o',
          hint: 'DIR',
          help: 'folder to make [default: in place]',
        },
        {
          name: 'skipDamaged',
          long: ['skip-damaged'],
          help: 'leave out files that cannot be used instead of stopping',
        },
      ],
    },
    commonArgs,
  ],
  notes: ['In place, the old files are replaced and removed only once all the new ones are on disk.'],
}

export default strictCommand(help, async (line) => {
  const folder = await folderArgument(line)
  const to = layoutOf(line)
  const output = line.text('output')
  const { logger } = await startSession(line)
  return async () => {
    const { migrateFolder } = await import('../../legacy/index.ts')
    const written = await withSignals(logger, (signal) =>
      migrateFolder({
        folder,
        to,
        output,
        skipDamaged: line.isOn('skipDamaged'),
        onFile: (path) => logger.debug(`wrote ${path}`),
        onWarning: (text) => logger.warn(text),
        signal,
      }),
    )
    logger.info(`wrote ${written} files to ${output ?? folder}`)
  }
})

function layoutOf(line: CommandLine): 'vanilla' | 'broad' | 'current' {
  const to = line.text('to')
  if (to === undefined) throw new UsageError('--to is missing: expected vanilla, broad or current')
  if (to === 'vanilla' || to === 'broad' || to === 'current') return to
  throw new UsageError(`--to: expected vanilla, broad or current, got ${JSON.stringify(to)}`)
}
