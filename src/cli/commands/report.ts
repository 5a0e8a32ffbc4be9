import { printable } from '../../system/printable.ts'
import { command, RUN_FOLDER } from '../command.ts'
import { asFinding } from '../report.ts'

export default command({
  usage: ['DIR'],
  examples: [['Remake the report of a run:', 'report results']],
  notes: ['DIR is the output folder of a run or of several samples, or a folder *_report in it.'],
  words: RUN_FOLDER,
  exits:
    '`1` summary and tables are damaged or do not belong together; `66` no report there; `73`, `74` it cannot be written',
  options: {},
  async run({ word }) {
    const { findReports, rebuildReport } = await import('../../report/index.ts')
    for (const report of await findReports(word))
      process.stdout.write(`${printable(await rebuildReport(report).catch(asFinding))}\n`)
  },
})
