import { runCommand } from 'citty'
import { ExitCode } from '../exit-codes.ts'
import { WriteError } from '../system/system-error.ts'
import { renderHelp, usageLines } from './help.ts'
import { reportError } from './report.ts'
import { root } from './root.ts'
import { route } from './route.ts'
import { InterruptedError, SIGNAL_CODES } from './signals.ts'
import { requireUtf8 } from './utf8.ts'
import { version } from './version.ts'

/**
 * Runs one command line and sets the exit code of the process; does not call `process.exit`, so that what was
 * written to standard output is flushed, except after a signal.
 */
export async function main(argv: readonly string[]): Promise<void> {
  endWhenNobodyReads()
  try {
    requireUtf8(argv, process.env)
    const found = route(argv)
    switch (found.kind) {
      case 'help':
        process.stdout.write(renderHelp(found.help))
        break
      case 'version':
        process.stdout.write(`virnucpro ${version}\n`)
        break
      case 'nothing':
        process.stderr.write(`error: no command given\n${usageLines(found.help).join('\n')}\n`)
        process.stderr.write(`Run "${found.help.name} --help" for the commands.\n`)
        process.exitCode = ExitCode.usage
        break
      case 'command':
        await runCommand(root, { rawArgs: found.argv })
    }
  } catch (error) {
    process.exitCode = reportError(error)
    if (error instanceof InterruptedError) leaveNow(SIGNAL_CODES[error.signal])
  }
}

/**
 * A model call under way cannot be called off, and would keep the process alive until it ends, minutes for a large
 * batch on a small machine. Nothing waits for it any more: files are whole, the lock is given back.
 */
const LAST_WORDS_MS = 500

function leaveNow(code: number): void {
  // Nobody may be reading what is written there.
  setTimeout(() => process.exit(code), LAST_WORDS_MS)
  process.stderr.write('', () => process.exit(code))
}

/** `virnucpro … | head` closes the pipe early: that is the reader's choice and no failure. */
function endWhenNobodyReads(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(ExitCode.ok)
    // Results that nobody can read are a failure, whatever the program would have said.
    process.exit(reportError(new WriteError('standard output', error)))
  })
  // Nobody reads the messages, or their disk is full: the work itself goes on.
  process.stderr.on('error', () => {})
}
