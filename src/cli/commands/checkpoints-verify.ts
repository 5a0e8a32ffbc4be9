import { ExitCode } from '../../exit-codes.ts'
import { VirnucproError } from '../../system/errors.ts'
import { printable } from '../../system/printable.ts'
import { command, RUN_FOLDER } from '../command.ts'

export default command({
  usage: ['DIR'],
  examples: [['Print every file that cannot be used:', 'checkpoints verify results']],
  notes: ['Ends with 0 when all are whole, 1 when some are not, 3 when there are none.'],
  words: RUN_FOLDER,
  options: {},
  async run({ word: folder, logger, signal }) {
    const { verifyFolder } = await import('../../legacy/index.ts')
    const { files, faulty } = await verifyFolder(
      folder,
      ({ path, level, text }) => {
        if (level === 'fault') process.stdout.write(`${printable(`${path}: ${text}`)}\n`)
        else logger.warn(`${path}: ${text}`)
      },
      signal,
    )
    if (files === 0) {
      logger.error(`${folder}: no checkpoints found`)
      process.exitCode = ExitCode.noCheckpoints
      return
    }
    if (faulty > 0)
      throw new VirnucproError(
        `${folder}: ${faulty} of ${files} checkpoint files cannot be used; a run computes them again`,
      )
    logger.info(`${folder}: all ${files} checkpoint files are whole`)
  },
})
