/**
 * Writes what docs/ has from the tables that the program itself reads, between `<!-- options: WHAT -->` and `<!-- end -->`: options, settings,
 * findings, exit codes, files with their columns and fields. From the same it writes the pages of the manual, in man/.
 * Usage: bun scripts/option-docs.ts [--check]
 */
import { readdir } from 'node:fs/promises'
import { dirname, posix, resolve } from 'node:path'
import { commonOptions } from '../src/cli/command.ts'
import { COMMANDS, loadCommand, overview } from '../src/cli/commands.ts'
import { EXIT_MEANINGS } from '../src/cli/exit-meanings.ts'
import { defaultOf, groupsOf } from '../src/cli/help.ts'
import { CHECKS } from '../src/doctor/index.ts'
import { ExitCode, KILLED, RETRY, RETRY_CODES } from '../src/exit-codes.ts'
import { VARIABLES } from '../src/settings/environment.ts'
import {
  environmentName,
  fileKey,
  fileOnlySettings,
  ignoredBroadKeys,
  isOn,
  longNames,
  type Option,
  type Options,
  settings,
} from '../src/settings/index.ts'
import { manPages } from './support/man-pages.ts'
import { formatContent } from './support/reference/formats.ts'
import { table } from './support/reference/markdown.ts'
import { outputContent } from './support/reference/outputs.ts'
import { troubleContent } from './support/reference/troubleshooting.ts'

const isCheck = process.argv.includes('--check')
let stale = false
const docs = resolve(import.meta.dir, '../docs')
for (const page of [...new Bun.Glob('**/*.md').scanSync(docs)].sort()) {
  const file = Bun.file(resolve(docs, page))
  const before = await file.text()
  const parts = before.split(/(?<=<!-- options: .+ -->\n)[\s\S]*?(?=<!-- end -->)/)
  const texts = await Promise.all(
    parts.slice(0, -1).map((part) => contentOf(/<!-- options: (.+) -->\n$/.exec(part)?.[1] ?? '')),
  )
  const after = parts.map((part, at) => part + linkedFrom(dirname(page), texts[at] ?? '')).join('')
  if (after === before) continue
  stale = true
  if (!isCheck) await file.write(after)
  console.log(
    `docs/${page}: ${isCheck ? 'not what the program says; run bun scripts/option-docs.ts' : 'written'}`,
  )
}
const manual = resolve(import.meta.dir, '../man')
const pages = await manPages(
  await Bun.file(resolve(import.meta.dir, '../docs/reference/exit-codes.md')).text(),
)
const known = await readdir(manual).catch((): string[] => [])
for (const name of new Set([...known, ...pages.keys()])) {
  const file = Bun.file(resolve(manual, name))
  const after = pages.get(name)
  if (known.includes(name) && (await file.text()) === after) continue
  stale = true
  if (!isCheck) await (after === undefined ? file.delete() : file.write(after))
  console.log(
    `man/${name}: ${isCheck ? 'not what the tables say; run bun scripts/option-docs.ts' : 'written'}`,
  )
}
await listPages([...pages.keys()].sort())
if (isCheck && stale) process.exit(1)

/** npm puts the pages where `man` finds them, if package.json names each. */
async function listPages(names: readonly string[]): Promise<void> {
  const file = Bun.file(resolve(import.meta.dir, '../package.json'))
  const before = await file.text()
  const list = names.map((name) => `    "./man/${name}"`).join(',\n')
  const after = before.replace(/"man": \[[^\]]*\]/, `"man": [\n${list}\n  ]`)
  if (after === before) return
  stale = true
  if (!isCheck) await file.write(after)
  console.log(
    `package.json: ${isCheck ? 'does not name the pages of man/; run bun scripts/option-docs.ts' : 'written'}`,
  )
}

/** `serve`, `predict: Models`, or one of the tables that are about no single command. */
async function contentOf(what: string): Promise<string> {
  switch (what) {
    case 'commands':
      return table(
        ['command', 'what it does'],
        (overview().commands ?? []).map(([name, about]) => [`\`${name}\``, about]),
      )
    case 'every command':
      return optionTable(commonOptions)
    case 'environment':
      return table(
        ['variable', 'about', 'meaning'],
        VARIABLES.map(({ names, group, meaning }) => [
          names.map((name) => `\`${name}\``).join(', '),
          group,
          meaning,
        ]),
      )
    case 'findings':
      return table(
        ['finding', 'what is checked', 'example of a remedy'],
        CHECKS.map(({ id, about, remedy }) => [`\`${id}\``, about, asCode(remedy)]),
      )
    case 'exit codes':
      return exitCodeTable()
    case 'exit codes by command':
      return await exitsTable()
    case 'retries':
      return table(['code', 'again?', 'because'], retries())
    case 'Nextflow':
      return nextflow()
    case 'settings':
      return table(
        ['key', 'environment variable', 'value', 'default', 'meaning'],
        Object.entries<Option>(settings).map(setting),
      )
    case "keys of Broad's file":
      return table(['key', 'what it sets'], broadKeys())
    case 'ignored keys':
      return ignoredBroadKeys.map((key) => `* \`${key}\`\n`).join('')
  }
  const reference = troubleContent(what) ?? outputContent(what) ?? (await formatContent(what))
  if (reference !== undefined) return reference
  const [name = '', title] = what.split(': ')
  if (title === 'usage') return await usageAndExamples(name.split(', '))
  if (!Object.hasOwn(COMMANDS, name)) throw new Error(`no command ${name}`)
  const { options } = await loadCommand(name)
  if (title === undefined) return optionTable(options)
  const group = groupsOf(options).get(title)
  if (group === undefined) throw new Error(`${name} has no options under the heading ${title}`)
  return optionTable(Object.fromEntries(group))
}

/** How a command is called, and lines to copy; of one command, or of several that a section is about. */
async function usageAndExamples(names: readonly string[]): Promise<string> {
  const commands = await Promise.all(names.map(loadCommand))
  const forms = commands.flatMap(({ name, usage }) =>
    usage.map((form) => `virnucpro ${name} ${form}`.trimEnd()),
  )
  const examples = table(
    ['example', 'what it does'],
    commands.flatMap((command) =>
      command.examples.map(([does, line]) => [`\`virnucpro ${line}\``, does.replace(/:$/, '')]),
    ),
  )
  return `\`\`\`\n${forms.join('\n')}\n\`\`\`\n\n${examples}`
}

function optionTable(options: Options): string {
  const entries = Object.entries(options)
  if (entries.every(([, { noEffect }]) => noEffect !== undefined))
    return table(
      ['option', 'why it has no effect'],
      entries.map(([name, each]) => [spelled(name, each), each.noEffect ?? '']),
    )
  return table(
    ['option', 'default', 'meaning'],
    entries.map(([name, each]) => [spelled(name, each), defaultOf(each), meaning(each)]),
  )
}

function meaning(option: Option): string {
  if (option.noEffect !== undefined) return `no effect: ${option.noEffect}`
  return isOn(option) ? `do not ${option.help}` : option.help
}

/** `-t`, `--threads N`, `--merge-threads N`. */
function spelled(name: string, option: Option): string {
  const { hint, negatable, short } = option
  const long = longNames(name, option).flatMap((each) => {
    if (isOn(option)) return [`--no-${each}`]
    return negatable
      ? [`--${each}`, `--no-${each}`]
      : [hint === undefined ? `--${each}` : `--${each} ${hint}`]
  })
  return [...(short === undefined ? [] : [`-${short}`]), ...long].map((each) => `\`${each}\``).join(', ')
}

function setting([name, option]: [string, Option]): string[] {
  const { hint = 'true or false', many, otherwise, long, help } = option
  const words = hint.split('|').map((word) => (option.hint === undefined ? word : `\`${word}\``))
  const kept = otherwise ?? (option.hint === undefined ? String(option.default) : defaultOf(option))
  return [
    `\`${fileKey(name)}\``,
    `\`${environmentName(name)}\``,
    `${many ? 'list of ' : ''}${words.join(', ')}`,
    kept,
    long === undefined ? help : `${help}; the option is \`--${long}\``,
  ]
}

function broadKeys(): string[][] {
  const shared = Object.entries<Option>(settings).filter(([, { broadKey }]) => broadKey !== undefined)
  return [
    ...shared.map(([name, { broadKey }]) => [`\`${broadKey}\``, `\`${fileKey(name)}\``]),
    ...Object.values(fileOnlySettings).map(({ broadKey, help }) => [`\`${broadKey}\``, help]),
  ]
}

function exitCodeTable(): string {
  const names = Object.keys(ExitCode) as (keyof typeof ExitCode)[]
  return table(
    ['code', 'meaning'],
    names.map((name) => [`\`${ExitCode[name]}\``, EXIT_MEANINGS[name]]),
  )
}

/** Commands with the same codes stand together. */
async function exitsTable(): Promise<string> {
  const commands = await Promise.all(Object.keys(COMMANDS).map(loadCommand))
  const byExits = Map.groupBy(commands, ({ exits }) => exits)
  return table(
    ['command', 'besides 0, 64 for wrong usage and 129, 130, 143 for signals'],
    [...byExits].map(([exits, some]) => [
      some.map(({ name }) => `\`${name}\``).join(', '),
      exits === '' ? 'none' : exits,
    ]),
  )
}

function retries(): string[][] {
  const rows = Object.entries(RETRY).map(([name, { retry, because }]): [number, boolean, string] => [
    ExitCode[name as keyof typeof ExitCode],
    retry,
    because,
  ])
  const killed = 'it was killed outright, mostly for memory: give it more'
  return [...rows, [KILLED, true, killed] as const]
    .sort(([a], [b]) => a - b)
    .map(([code, retry, because]) => [`\`${code}\``, retry ? '**yes**' : 'no', because])
}

function nextflow(): string {
  return `\`\`\`groovy
process {
    withName: '.*VIRNUCPRO.*' {
        errorStrategy = { task.exitStatus in [${RETRY_CODES.join(', ')}] ? 'retry' : 'finish' }
        maxRetries    = 2
        memory        = { 16.GB * task.attempt }
        time          = { 4.h * task.attempt }
    }
}
\`\`\`
`
}

/** The tables name pages from docs/ on; a page needs the way from its own folder. */
function linkedFrom(folder: string, markdown: string): string {
  return markdown.replace(
    /\]\(([\w-]+\/[\w-]+\.md)/g,
    (_, page: string) => `](${posix.relative(folder, page)}`,
  )
}

/** A command as such, and words as they are. */
function asCode(remedy: string): string {
  return /^(virnucpro|export|unset|ulimit|bun) /.test(remedy) ? `\`${remedy}\`` : remedy
}
