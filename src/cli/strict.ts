import { type CittyPlugin, defineCommand } from 'citty'
import { longNames, type Options } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import { requireFolder } from './arguments.ts'
import { type Call, type Command, commonOptions, type Words, withUsage } from './command.ts'
import type { CommandLine } from './command-line.ts'
import { startSession } from './session.ts'
import { withSignals } from './signals.ts'

/**
 * A command as citty runs it. Its own parser cannot be made strict (citty 0.2): it has run before a plugin is set up, lets
 * unknown options and surplus words pass, and keeps the last of two values. So it is given nothing to parse, and the
 * plugin sets `args` from words that `parseArgs` of node:util has split.
 */
export function strictCommand(definition: Command, line: CommandLine) {
  return defineCommand({
    meta: { name: definition.name },
    plugins: [strict(definition, line)],
    run: ({ data: call }: { data?: Omit<Call, 'signal'> }) => {
      const { args, logger } = call!
      return withSignals(
        logger,
        (signal) => definition.run({ ...call!, signal }),
        definition.patienceMs?.(args),
      )
    },
  })
}

function strict(definition: Command, line: CommandLine): CittyPlugin {
  return {
    name: 'strict',
    async setup(context) {
      const call = await prepareCall(definition, line)
      Object.assign(context, { args: call.args, data: call })
    },
  }
}

/**
 * Checks a command line and resolves its options. What it returns lacks nothing but the signal.
 * @throws CommandUsageError
 */
export async function prepareCall(definition: Command, line: CommandLine): Promise<Omit<Call, 'signal'>> {
  return await withUsage(definition, async () => {
    const { words = 'none', forRun = false, reportsConfiguration = false } = definition
    await checkWords(words, line.words)
    checkTogether(definition.options, line.given)
    const options = { ...definition.options, ...commonOptions }
    const session = await startSession(
      { options, takesInputs: words === 'inputs', forRun, reportsConfiguration },
      line,
    )
    const call = { ...session, words: line.words, word: line.words[0] ?? '' }
    requireOptions(definition.options, call.args)
    definition.check?.(call)
    return call
  })
}

async function checkWords(words: Words, [first, second]: readonly string[]): Promise<void> {
  if (words === 'none' && first !== undefined)
    throw new UsageError(`unexpected argument ${first}: this command takes options alone`)
  if (typeof words === 'string') return
  if (first === undefined && words.isOptional) return
  if (first === undefined) throw new UsageError(`no ${words.one} given: expected ${words.expected}`)
  if (second !== undefined) throw new UsageError(`unexpected argument ${second}: expected one ${words.one}`)
  if (words.isFolder) await requireFolder(first)
}

function checkTogether(options: Options, given: CommandLine['given']): void {
  for (const { option, spelled } of given) {
    const other = given.find(({ name }) => name === option.excludes)
    if (other !== undefined)
      throw new UsageError(`${spelled} and ${other.spelled} contradict each other; keep one`)
    if (option.needs !== undefined && !given.some(({ name }) => name === option.needs))
      throw new UsageError(`${spelled} needs ${flagOf(option.needs, options)}`)
  }
}

function requireOptions(options: Options, args: Readonly<Record<string, unknown>>): void {
  for (const [name, option] of Object.entries(options)) {
    if (!option.required || args[name] !== undefined) continue
    const words = option.hint?.includes('|') ? `: expected one of ${option.hint.replaceAll('|', ', ')}` : ''
    throw new UsageError(`${flagOf(name, options)} is missing${words}`)
  }
}

function flagOf(name: string, options: Options): string {
  return `--${longNames(name, options[name]!)[0]}`
}
