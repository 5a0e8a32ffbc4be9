import { type Configuration, type Given, resolveConfiguration, type SettingName } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { filesAt, identityAt } from '../system/same-file.ts'
import { LiveTerminal } from '../system/terminal.ts'
import { createLogger, wantsColours } from './logger.ts'
import type { CommandLine } from './parse/index.ts'

let active: Logger | undefined

/** The logger of this process: that of the configuration once it is known, a plain one before. */
export function activeLogger(): Logger {
  active ??= createLogger()
  return active
}

export interface Session {
  configuration: Configuration
  logger: Logger
  /** What was said of the command line and the configuration. */
  warnings: readonly string[]
  /** Where a command may show how far it is; undefined when standard error is no terminal. */
  terminal: LiveTerminal | undefined
}

/** Resolves the configuration of a command line, opens the log and says what was accepted without effect. */
export async function startSession(
  line: CommandLine,
  overrides: { flags?: ReadonlyMap<SettingName, Given>; originalForm?: boolean } = {},
): Promise<Session> {
  const configuration = await resolveConfiguration({
    flags: overrides.flags ?? line.flags,
    environment: process.env,
    cwd: process.cwd(),
    configFile: line.text('config'),
    originalForm: overrides.originalForm ?? false,
  })
  const { quiet, verbose, logFile } = configuration.effective.values
  const terminal = LiveTerminal.suits(process.stderr)
    ? new LiveTerminal(process.stderr, { colours: wantsColours() })
    : undefined
  if (logFile !== undefined) await requireOwnLog(line, configuration, logFile)
  active = createLogger({ quiet, verbose, file: logFile, terminal })
  const warnings = [...line.warnings, ...configuration.warnings]
  for (const warning of warnings) active.warn(warning)
  return { configuration, logger: active, warnings, terminal }
}

/**
 * The log is added to: a file that the command reads, or writes otherwise, would no longer be what it was.
 * @throws {UsageError} with both names
 */
async function requireOwnLog(
  line: CommandLine,
  { effective, file }: Configuration,
  logFile: string,
): Promise<void> {
  // Loaded for this alone: it brings much that a short command does not need.
  const { isFileOfAnyRun } = await import('../checkpoint/index.ts')
  if (await isFileOfAnyRun(logFile))
    throw new UsageError(
      `${logFile} is the log file (--log-file) and also a file of a run: name another log file`,
    )
  const { input = [], bundle, modelPath, tritonCa, tritonCert, tritonKey } = effective.values
  const others = [
    ...[...line.positionals, ...input].map((path) => ['an input', path] as const),
    ...line.texts.filter(([option]) => option !== '--log-file' && option !== '-l'),
    ...([
      ['the bundle', bundle],
      ['the classifier', modelPath],
      ['the configuration file', file],
    ] as const),
    ...[tritonCa, tritonCert, tritonKey].map((path) => ['a file for TLS', path] as const),
  ]
  for (const [what, path] of others) {
    if (path === undefined) continue
    const isBundle = what === 'the bundle' || what === '--bundle'
    const read = isBundle ? await filesAt(path) : [path]
    for (const name of read) {
      const identity = await identityAt(name)
      if (identity === undefined || identity !== (await identityAt(logFile))) continue
      throw new UsageError(
        `${logFile} is the log file (--log-file) and also ${name}, which is ${what}: name another log file`,
      )
    }
  }
}
