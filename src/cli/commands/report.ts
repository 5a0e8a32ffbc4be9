import { printable } from '../../system/printable.ts'
import { command, RUN_FOLDER } from '../command.ts'
import { asFinding } from '../report.ts'

export default command({
  name: 'report',
  about: 'Remakes the report of a finished run: report.html and the tables for MultiQC.',
  usage: ['DIR'],
  notes: ['DIR is the output folder of a run, or a folder *_report in it.'],
  words: RUN_FOLDER,
  options: {},
  async run({ word }) {
    const { findReports, rebuildReport } = await import('../../report/index.ts')
    for (const report of await findReports(word))
      process.stdout.write(`${printable(await rebuildReport(report).catch(asFinding))}\n`)
  },
})
