#!/usr/bin/env bun
// The command line: commands and their options, messages to standard error, exit codes.

import { firstFailure } from '../system/errors.ts'
import { WriteError } from '../system/system-error.ts'
import { reportError } from './report.ts'
import { InterruptedError, SIGNAL_CODES } from './signals.ts'
import { start } from './start.ts'
import { requireUtf8 } from './utf8.ts'

/**
 * Runs one command line and sets the exit code of the process; does not call `process.exit`, so that what was
 * written to standard output is flushed, except after a signal.
 */
async function main(argv: readonly string[]): Promise<void> {
  goOnWhenNobodyReads()
  try {
    requireUtf8(argv, process.env)
    await start(argv)
  } catch (thrown) {
    const error = firstFailure(thrown)
    process.exitCode = reportError(error)
    if (error instanceof InterruptedError) leaveNow(SIGNAL_CODES[error.signal])
  }
}

/**
 * A model call under way cannot be called off, and would keep the process alive until it ends, minutes for a large
 * batch on a small machine. Nothing waits for it any more: files are whole, the lock is released.
 */
const LAST_WORDS_MS = 500

function leaveNow(code: number): void {
  // Nobody may be reading what is written there.
  setTimeout(() => process.exit(code), LAST_WORDS_MS)
  process.stderr.write('', () => process.exit(code))
}

/**
 * `virnucpro … | head` closes the pipe early: that is the reader's choice and no failure. The work goes on, since what a command
 * prints may be the lesser part of it.
 */
function goOnWhenNobodyReads(): void {
  let isUnread = false
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    isUnread ||= error.code === 'EPIPE'
    if (isUnread) return
    // Results that nobody can read are a failure, whatever the program would have said.
    process.exit(reportError(new WriteError('standard output', error)))
  })
  // Nobody reads the messages, or their disk is full: the work itself goes on.
  process.stderr.on('error', () => {})
}

await main(process.argv.slice(2))
