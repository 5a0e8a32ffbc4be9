import { ExitCode } from '../../exit-codes.ts'
import type { Finding } from '../../legacy/index.ts'
import { VirnucproError } from '../../system/errors.ts'
import { printable } from '../../system/printable.ts'
import { command, RUN_FOLDER } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'

export default command({
  usage: ['DIR [--json]'],
  examples: [['Print every file that cannot be used:', 'checkpoints verify results']],
  notes: ['Ends with 0 when all are whole, 1 when some are not, 3 when there are none.'],
  words: RUN_FOLDER,
  exits: '`1` some cannot be used; `3` there are none; `66` no such folder',
  options: jsonOutput,
  async run({ args, word: folder, logger, signal }) {
    const { verifyFolder } = await import('../../legacy/index.ts')
    const findings: Finding[] = []
    const { files, faulty } = await verifyFolder(
      folder,
      (finding) => {
        const { path, level, text } = finding
        findings.push(finding)
        if (args.json) return
        if (level === 'fault') process.stdout.write(`${printable(`${path}: ${text}`)}\n`)
        else logger.warn(`${path}: ${text}`)
      },
      signal,
    )
    if (args.json) printJson('checkpoints-check', { folder, files, faulty, findings })
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
