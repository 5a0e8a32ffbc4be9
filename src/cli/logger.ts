import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import type { Detail } from '../system/error-codes.ts'
import type { Logger } from '../system/logger.ts'
import { type Message, printableLines } from '../system/printable.ts'
import { WriteError } from '../system/system-error.ts'
import type { LiveTerminal } from '../system/terminal.ts'
import { type Asked, withAdvice, withAdviceAndCode } from './errors.ts'

interface LoggerOptions {
  /** Errors only on standard error; the file still gets everything from `info` up. */
  quiet?: boolean | undefined
  /** Debug lines too. */
  verbose?: boolean | undefined
  /** File to append to. */
  file?: string | undefined
  /** What may have a display on standard error, which the messages must not tear. */
  terminal?: LiveTerminal | undefined
  /** What the advice of messages is to fit. */
  asked?: Asked | undefined
}

const LEVELS = { error: 0, warn: 1, info: 2, debug: 3 } as const
type Level = keyof typeof LEVELS
const COLOURS: Readonly<Partial<Record<Level, number>>> = { error: 31, warn: 33, debug: 90 }
const PREFIXES: Readonly<Record<Level, string>> = {
  error: 'error: ',
  warn: 'warning: ',
  info: '',
  debug: 'debug: ',
}

/**
 * The one logger: standard error and, when asked, a file. Standard output belongs to results alone.
 *
 * The one place where messages become printable: what a terminal would act on is escaped, in the file too.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { quiet, verbose, file: path, terminal, asked } = options
  const fileLevel = verbose ? LEVELS.debug : LEVELS.info
  const stderrLevel = quiet ? LEVELS.error : fileLevel
  const colours = wantsColours()
  let writeToFile: ((text: string) => void) | undefined
  const log = (level: Level, message: Message, onStderr: Level = level) => {
    if (LEVELS[level] > fileLevel) return
    const lines = printableLines(message)
    if (LEVELS[onStderr] <= stderrLevel) {
      const text = `${forTerminal(onStderr, lines, colours)}\n`
      if (terminal === undefined) process.stderr.write(text)
      else terminal.write(text)
    }
    writeToFile?.(forFile(level, lines))
  }
  if (path !== undefined) writeToFile = logFile(path, (text) => log('warn', text))
  const logWith = (level: Level) => (message: Message, detail?: Detail) => {
    // A note needs no remedy.
    const worded = level === 'error' || level === 'warn' ? withAdviceAndCode : withAdvice
    log(level, worded(message, detail, asked))
  }
  return {
    debug: logWith('debug'),
    note: (message) => log('info', message, 'debug'),
    info: logWith('info'),
    warn: logWith('warn'),
    error: logWith('error'),
    wording: (message, detail) => withAdvice(message, detail, asked),
  }
}

/** NO_COLOR (any value) wins over FORCE_COLOR; without either, colours are for terminals. */
export function wantsColours(stream: NodeJS.WriteStream = process.stderr): boolean {
  if (process.env.NO_COLOR) return false
  if (process.env.FORCE_COLOR && process.env.FORCE_COLOR !== '0') return true
  return stream.isTTY === true && process.env.TERM !== 'dumb'
}

function forTerminal(level: Level, lines: readonly string[], colours: boolean): string {
  const message = lines.join('\n')
  const [prefix, colour] = [PREFIXES[level], COLOURS[level]]
  return colours && colour !== undefined ? `\x1b[${colour}m${prefix}\x1b[0m${message}` : prefix + message
}

/** `2026-01-31 23:59:59 - INFO - …`, every line of a message with the time, so that the file can be searched. */
function forFile(level: Level, lines: readonly string[]): string {
  // Swedish writes a date and a time as ISO 8601 does, with a space between them.
  const time = new Date().toLocaleString('sv-SE')
  const name = level === 'warn' ? 'WARNING' : level.toUpperCase()
  return lines.map((line) => `${time} - ${name} - ${line}\n`).join('')
}

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT

/** Opens a file to append to. Opening a named pipe would wait for a reader, for ever where there is none. */
function openToAppend(path: string): number {
  const tried = openSync(path, APPEND | constants.O_NONBLOCK, 0o666)
  try {
    return openSync(path, APPEND, 0o666)
  } finally {
    closeSync(tried)
  }
}

/** Appends to the log on disk. One that cannot be written is given up with a warning: the work itself matters more. */
function logFile(path: string, warn: (text: string) => void): (text: string) => void {
  let descriptor: number | undefined
  const attempt = (action: () => void) => {
    try {
      action()
    } catch (cause) {
      if (descriptor !== undefined) closeSync(descriptor)
      descriptor = undefined
      const names = { what: `the log file ${path}`, remedy: 'the work goes on without it' }
      warn(new WriteError(path, cause, names).message)
    }
  }
  attempt(() => {
    descriptor = openToAppend(path)
  })
  return (text) => {
    const open = descriptor
    if (open !== undefined) attempt(() => writeFileSync(open, text))
  }
}
