import { findReports, rebuildReport } from '../../report/index.ts'
import { printable } from '../../system/printable.ts'
import { commonArgs } from '../args/logging.ts'
import { folderArgument } from '../checkpoints-argument.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import { asFinding } from '../report.ts'
import { startSession } from '../session.ts'

export const help: CommandHelp = {
  name: 'virnucpro report',
  about: 'Makes the report of a finished run anew: report.html and the tables for MultiQC.',
  usage: ['DIR'],
  groups: [commonArgs],
  notes: ['DIR is the output folder of a run, or a folder *_report in it.'],
}

export default strictCommand(help, async (line) => {
  const folder = await folderArgument(line)
  await startSession(line)
  return async () => {
    for (const report of await findReports(folder))
      process.stdout.write(`${printable(await rebuildReport(report).catch(asFinding))}\n`)
  }
})
