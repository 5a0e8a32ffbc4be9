import { flag, type Options, option, pick, section, settings, text, type Values } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import { type Example, type Help, usageLines } from './help.ts'
import type { Session } from './session.ts'

/** Options that every command takes, before its name or after it. */
export const commonOptions = section('Options of every command', {
  config: option(text('FILE'), 'configuration file, YAML or JSON', { short: 'c' }),
  ...pick(settings, 'logFile', 'verbose', 'quiet'),
  version: flag('print one line, `virnucpro` and the version', { short: 'V' }),
  help: flag('print help: `-h` the usual options, `--help` all of them', { short: 'h' }),
})

/**
 * What words without an option are: none are allowed, `inputs` of a run, `more` that the command checks itself, or
 * exactly one, or at most one.
 */
export type Words =
  | 'none'
  | 'inputs'
  | 'more'
  | { one: string; expected: string; isFolder?: true; isOptional?: true }

/** The one word of the commands about runs. */
export const RUN_FOLDER: Words = { one: 'folder', expected: 'the output folder of a run', isFolder: true }

/** The one word of the commands about TensorRT plans. */
export const PLANS_FOLDER: Words = {
  one: 'folder',
  expected: 'that of --output of engines build',
  isFolder: true,
}

/** The one word of the commands that look at a bundle: without it they look at the default one of the home. */
export const A_BUNDLE: Words = { one: 'bundle', expected: 'its path or name', isOptional: true }

/** What a command is called with. */
export interface Call<Own extends Options = Options> extends Session {
  /** The options of the command, validated, with defaults, environment and file for those that are settings. */
  args: Values<Own>
  words: readonly string[]
  /** The one word of a command that takes one; empty where it may be left out and is. */
  word: string
  /** Aborted when the user or the system stops the command. */
  signal: AbortSignal
}

/** What a command is; its name and what it does are in the list of commands. */
interface Definition<Own extends Options = Options> extends Omit<Help, 'name' | 'about' | 'commands'> {
  /**
   * Exit codes besides 0, 64 for wrong usage and 129, 130, 143 for signals, each with when: "`65` a damaged bundle; `66` no
   * bundle". Markdown; empty where there are none.
   */
  exits: string
  options: Own
  usual?: readonly (keyof Own & string)[]
  examples: readonly Example[]
  /** @default 'none' */
  words?: Words
  /** What a shell offers for words, where `words` does not say it. */
  completes?: Completes
  /** Whether settings that follow from others, such as the device, are filled in and checked. @default false */
  forRun?: boolean
  /** Whether faults of environment and configuration file are what the command is about, and do not stop it. @default false */
  reportsConfiguration?: boolean
  /** What the options must not be together. Errors show the usage. */
  check?(call: Omit<Call<Own>, 'signal'>): void
  /** How long the work may take to stop, in milliseconds. @default 4000 */
  patienceMs?(args: Values<Own>): number
  /** The work. Its errors are not about usage any more. */
  run(call: Call<Own>): Promise<void>
}

/** What words are, for shells that complete them. */
type Completes = 'files' | 'folders' | 'bundles' | readonly string[]

export type Command = Definition & Help

/** Only gives the options of the command their types. */
export function command<const Own extends Options>(definition: Definition<Own>): Definition<Own> {
  return definition
}

/** A usage error of a command: knows which usage to show. */
export class CommandUsageError extends UsageError {
  readonly usage: string[]

  constructor(error: UsageError, help: Help) {
    super(error.lines, { cause: error, kind: error.kind, detail: error.detail })
    const name = `virnucpro ${help.name}`.trimEnd()
    this.usage = [
      ...usageLines(help),
      `Run "${name} --help" for all ${help.commands === undefined ? 'options' : 'commands'}.`,
    ]
  }
}

/** Does something whose usage errors are those of a command. */
export async function withUsage<Result>(help: Help, action: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await action()
  } catch (error) {
    throw error instanceof UsageError ? new CommandUsageError(error, help) : error
  }
}
