// A program: starts a server that outlives whoever asked for it; see kept.ts. Reads the options on standard input, writes
// what happens to standard output as lines of JSON until the server is ready, and its log to standard error.

import { rmSync } from 'node:fs'
import type { Logger } from '../../system/logger.ts'
import { onStopSignal } from '../../system/stop-signals.ts'
import { errorLines } from './errors.ts'
import type { KeeperLine, KeptOptions } from './kept.ts'
import { startServer } from './start.ts'

/** Its log, which is of no use once it has ended in good order or has said why it could not begin. */
const [, , logFile] = process.argv
const options: KeptOptions = JSON.parse(await Bun.stdin.text())
const stopping = new AbortController()
using _listener = onStopSignal(() => stopping.abort(new Error('stopped')))
// Who has asked may be gone.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

let isHeard = true
const say = (line: KeeperLine) => {
  if (isHeard) process.stdout.write(`${JSON.stringify(line)}\n`)
}
const log = (level: string) => (message: string | { toString(): string }) => {
  process.stderr.write(`${new Date().toISOString()} ${level} ${message}\n`)
}
const logger: Logger = {
  debug: () => {},
  info(message) {
    log('info')(message)
    say({ info: message })
  },
  warn: log('warning'),
  error: log('error'),
}

try {
  await using server = await startServer({
    ...options,
    announce: true,
    background: true,
    logger,
    signal: stopping.signal,
  })
  say({ ready: server.endpoints.map(({ grpcUrl }) => grpcUrl) })
  isHeard = false
  const stopped = new Promise<void>((settle) => {
    if (stopping.signal.aborted) settle()
    else stopping.signal.addEventListener('abort', () => settle(), { once: true })
  })
  await Promise.race([server.ended, stopped])
  removeLog()
} catch (error) {
  const lines = errorLines(error)
  for (const line of lines) log('error')(line)
  say({ failed: lines })
  if (isHeard) removeLog()
  process.exitCode = 1
}

function removeLog(): void {
  if (logFile !== undefined) rmSync(logFile, { force: true })
}
