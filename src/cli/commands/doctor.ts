import { VirnucproError } from '../../system/errors.ts'
import { plural } from '../../text/numbers.ts'
import { command } from '../command.ts'
import { jsonOutput, jsonText } from '../json.ts'
import { wantsColours } from '../logger.ts'

export default command({
  usage: ['[--json]'],
  examples: [
    ['Check this machine:', 'doctor'],
    ['Check it from a program:', 'doctor --json'],
  ],
  notes: [
    'No server is started, and nothing is changed. The exit code is 1 where there is a problem, and 0 where there are only warnings.',
  ],
  reportsConfiguration: true,
  exits: '`1` there is a problem',
  options: jsonOutput,
  async run({ args, signal }) {
    const { doctor, renderFindings, worst } = await import('../../doctor/index.ts')
    // An option of every command.
    const { config: configFile } = args as { config?: string }
    const findings = await doctor({ configFile, signal })
    const verdict = worst(findings)
    const text = args.json
      ? jsonText('doctor', { verdict, findings })
      : renderFindings(findings, {
          columns: process.stdout.columns ?? 100,
          colours: wantsColours(process.stdout),
        })
    process.stdout.write(text, leaveSoon)
    const problems = findings.filter((finding) => finding.verdict === 'problem')
    if (problems.length > 0) throw new VirnucproError(`${plural(problems.length, 'problem')} found`)
  },
})

/** A disk that does not answer keeps the question open, and with it this process. */
function leaveSoon(): void {
  setTimeout(() => process.exit(), 1000).unref()
}
