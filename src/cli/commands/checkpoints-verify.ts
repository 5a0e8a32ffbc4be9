import { ExitCode } from '../../exit-codes.ts'
import { VirnucproError } from '../../system/errors.ts'
import { printable } from '../../system/printable.ts'
import { commonArgs } from '../args/logging.ts'
import { folderArgument } from '../checkpoints-argument.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import type { CommandLine } from '../parse/index.ts'
import { startSession } from '../session.ts'
import { withSignals } from '../signals.ts'

export const help: CommandHelp = {
  name: 'virnucpro checkpoints verify',
  about: 'Reads every checkpoint file below a folder and prints each fault on a line.',
  usage: ['DIR'],
  groups: [commonArgs],
  notes: ['Ends with 0 when all are whole, 1 when some are not, 3 when there are none.'],
}

export default strictCommand(help, prepareVerify)

export async function prepareVerify(line: CommandLine): Promise<() => Promise<void>> {
  const folder = await folderArgument(line)
  const { logger } = await startSession(line)
  return async () => {
    const { verifyFolder } = await import('../../legacy/index.ts')
    const { files, faulty } = await withSignals(logger, (signal) =>
      verifyFolder(
        folder,
        ({ path, level, text }) => {
          if (level === 'fault') process.stdout.write(`${printable(`${path}: ${text}`)}\n`)
          else logger.warn(`${path}: ${text}`)
        },
        signal,
      ),
    )
    if (files === 0) {
      logger.error(`${folder}: no checkpoints found`)
      process.exitCode = ExitCode.noCheckpoints
      return
    }
    if (faulty > 0)
      throw new VirnucproError(
        `${folder}: ${faulty} of ${files} checkpoint files cannot be used; a run computes them anew`,
      )
    logger.info(`${folder}: all ${files} checkpoint files are whole`)
  }
}
