import { commonArgs } from '../args/logging.ts'
import { bundleArgument } from '../bundle-argument.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import { asFinding } from '../report.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

const help: CommandHelp = {
  name: 'virnucpro models verify',
  about: 'Checks every file of a bundle against its checksum.',
  usage: ['BUNDLE'],
  groups: [commonArgs],
}

export default strictCommand(help, async (line) => {
  const path = bundleArgument(line)
  const { logger } = await startSession(line)
  return async () => {
    const { verifyBundle } = await import('../../bundle/index.ts')
    await withSignals(logger, (signal) => verifyBundle(path, signal)).catch(asFinding)
    logger.info(`${path}: every file is as it was imported`)
  }
})
