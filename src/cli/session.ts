import {
  type Configuration,
  type Given,
  given,
  type Options,
  resolveConfiguration,
} from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { filesAt, identityAt } from '../system/same-file.ts'
import { LiveTerminal } from '../system/terminal.ts'
import { type CommandLine, collect, spelledNames } from './command-line.ts'
import type { Asked } from './errors.ts'
import { plain } from './help.ts'
import { createLogger, wantsColours } from './logger.ts'
import { isOriginalForm, placeWords } from './original-form.ts'
import { asksForSamples } from './samples.ts'

let active: Logger | undefined

/** The logger of this process: that of the configuration once it is known, a plain one before. */
export function activeLogger(): Logger {
  active ??= createLogger()
  return active
}

export interface Session {
  /** The options of the command, validated. */
  args: Record<string, unknown>
  configuration: Configuration
  logger: Logger
  /** What was said of the command line and the configuration. */
  warnings: readonly string[]
  /** Where a command may show how far it is; undefined when standard error is no terminal. */
  terminal: LiveTerminal | undefined
}

interface SessionRequest {
  /** Those of every command included. */
  options: Options
  /** Words are the inputs of a run, or the original's `FILE LENGTH MODEL`. */
  takesInputs: boolean
  forRun: boolean
  /** Faults of environment and configuration file are left to the command. */
  reportsConfiguration: boolean
}

/** Resolves the configuration of a command line, opens the log and says what was accepted without effect. */
export async function startSession(
  { options, takesInputs, forRun, reportsConfiguration }: SessionRequest,
  line: CommandLine,
): Promise<Session> {
  const collected = [...collect(line.given)].map(
    ([name, { value, spelled }]) =>
      [name, given(options[name], value, { kind: 'flag', name: spelled })] as const,
  )
  const flags = new Map<string, Given>(collected)
  if (takesInputs) placeWords(line.words, flags)
  const request = {
    given: flags,
    options,
    environment: process.env,
    cwd: process.cwd(),
    originalForm: takesInputs && isOriginalForm(line.words),
    forRun,
  }
  const configuration = await resolveConfiguration(request).catch((error: unknown) => {
    if (!reportsConfiguration) throw error
    return resolveConfiguration({ ...request, flagsOnly: true })
  })
  const { values } = configuration.effective
  const { quiet, verbose, logFile } = values
  const terminal = LiveTerminal.suits(process.stderr)
    ? new LiveTerminal(process.stderr, { colours: wantsColours() })
    : undefined
  if (logFile !== undefined) await requireOwnLog(line, configuration, logFile)
  active = createLogger({ quiet, verbose, file: logFile, terminal, asked: askedOf(options, configuration) })
  const warnings = [...withoutEffect(line), ...(reportsConfiguration ? [] : configuration.warnings)]
  for (const warning of warnings) active.warn(warning)
  return { args: configuration.args, configuration, logger: active, warnings, terminal }
}

function askedOf(options: Options, configuration: Configuration): Asked {
  const ofSamples = options.sampleSheet !== undefined && asksForSamples(configuration)
  const names = spelledNames(options)
  // Samples have the names of their folders.
  if (ofSamples) names.delete('prefix')
  return { options: names, ofSamples }
}

/** One line for each option that is accepted and does nothing. */
function withoutEffect({ given }: CommandLine): string[] {
  const lines = given.flatMap(({ name, option: { noEffect }, spelled }): [string, string][] =>
    noEffect === undefined ? [] : [[name, `${spelled} has no effect: ${plain(noEffect)}`]],
  )
  return [...new Map(lines).values()]
}

/**
 * The log is added to: a file that the command reads, or writes otherwise, would no longer be what it was.
 * @throws UsageError with both names
 */
async function requireOwnLog(
  { given, words }: CommandLine,
  { effective, file }: Configuration,
  logFile: string,
): Promise<void> {
  // Loaded for this alone: it brings much that a short command does not need.
  const { isFileOfAnyRun } = await import('../checkpoint/index.ts')
  const isLog = `${logFile} is the log file (--log-file) and also`
  if (await isFileOfAnyRun(logFile)) throw new UsageError(`${isLog} a file of a run: name another log file`)
  const { isOfHome } = await import('../home/index.ts')
  if (await isOfHome(logFile)) throw new UsageError(`${isLog} a file of the home: name another log file`)
  const { input = [], bundle, modelPath, tritonCa, tritonCert, tritonKey } = effective.values
  const others: (readonly [what: string, path: unknown])[] = [
    ...[...words, ...input].map((path) => ['an input', path] as const),
    ...given.filter(({ name }) => name !== 'logFile').map(({ spelled, value }) => [spelled, value] as const),
    ['the bundle', bundle],
    ['the classifier', modelPath],
    ['the configuration file', file],
    ...[tritonCa, tritonCert, tritonKey].map((path) => ['a file for TLS', path] as const),
  ]
  const log = await identityAt(logFile)
  if (log === undefined) return
  for (const [what, path] of others) {
    if (typeof path !== 'string') continue
    const isBundle = what === 'the bundle' || what === '--bundle'
    for (const name of isBundle ? await filesAt(path) : [path]) {
      if ((await identityAt(name)) === log)
        throw new UsageError(`${isLog} ${name}, which is ${what}: name another log file`)
    }
  }
}
