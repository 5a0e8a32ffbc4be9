import { defineCommand } from 'citty'
import { UsageError } from '../system/errors.ts'
import { type CommandHelp, renderHelp, usageLines } from './help.ts'
import { type CommandLine, parseCommandLine } from './parse/index.ts'
import { version } from './version.ts'

/** A usage error of a command: knows which usage to show. */
export class CommandUsageError extends UsageError {
  readonly usage: string[]

  constructor(error: UsageError, help: CommandHelp) {
    super(error.lines, { cause: error, kind: error.kind, detail: error.detail })
    this.usage = [...usageLines(help), `Run "${help.name} --help" for all options.`]
  }
}

type Work = () => Promise<void>

/** Checks everything about a command line and returns the work itself, whose errors are not about usage any more. */
type Prepare = (line: CommandLine) => Promise<Work>

/**
 * Makes a citty command that reads its own words strictly. citty finds the command and loads it lazily; help,
 * version and the command line are handled here, since citty prints usage of errors to standard output and lets
 * unknown options pass.
 */
export function strictCommand(help: CommandHelp, prepare: Prepare) {
  return defineCommand({
    meta: { name: help.name, description: help.about },
    run: async ({ rawArgs }) => {
      const work = await understand(rawArgs, help, prepare)
      await work()
    },
  })
}

async function understand(argv: readonly string[], help: CommandHelp, prepare: Prepare): Promise<Work> {
  if (asksFor(argv, ['--help', '-h'])) return print(renderHelp(help))
  try {
    const line = parseCommandLine(argv, help)
    if (line.isOn('version')) return print(`virnucpro ${version}\n`)
    return await prepare(line)
  } catch (error) {
    throw error instanceof UsageError ? new CommandUsageError(error, help) : error
  }
}

function print(text: string): Work {
  return async () => {
    process.stdout.write(text)
  }
}

/** Whether a word stands before `--`; help is given even when the rest of the line is wrong. */
function asksFor(argv: readonly string[], words: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).some((word) => words.includes(word))
}
