import { version } from '../../package.json' with { type: 'json' }
import { type Command, commonOptions } from '../../src/cli/command.ts'
import { COMMANDS, loadCommand, overview } from '../../src/cli/commands.ts'
import { defaultOf, groupsOf, type Help, meaningOf } from '../../src/cli/help.ts'
import { VARIABLES } from '../../src/settings/environment.ts'
import { isOn, longNames, type Option } from '../../src/settings/index.ts'

// Pages of the manual in the macros of man(7), from the tables that the help is made of.

/** The pages by their names, `virnucpro.1` and one for each command. `exitCodes` is the text of docs/reference/exit-codes.md. */
export async function manPages(exitCodes: string): Promise<Map<string, string>> {
  const pages = new Map([['virnucpro.1', mainPage(exitCodes)]])
  for (const name of Object.keys(COMMANDS))
    pages.set(`${pageName(name)}.1`, commandPage(await loadCommand(name)))
  return pages
}

function mainPage(exitCodes: string): string {
  const help = overview()
  const [table = ''] = exitCodes.split('## By command')
  const codes = [...table.matchAll(/^\| `(\d+)` \| (.*) \|$/gm)]
  return page('virnucpro', help.about, [
    ...synopsis(help),
    ...section(
      'Commands',
      (help.commands ?? []).flatMap(([name, about]) => item(`\\fB${roff(name)}\\fR`, inline(about))),
    ),
    ...options({ ...help, options: commonOptions }),
    ...examples(help),
    ...section(
      'Exit status',
      codes.flatMap(([, code = '', meaning = '']) =>
        item(`\\fB${code}\\fR`, inline(meaning.replaceAll('\\|', '|'))),
      ),
    ),
    ...section('Environment', [
      ...item('\\fBVIRNUCPRO_NAME\\fR', inline(SETTINGS)),
      ...VARIABLES.flatMap(({ names, meaning }) =>
        item(names.map((name) => `\\fB${roff(name)}\\fR`).join(', '), inline(meaning)),
      ),
    ]),
    ...section(
      'Files',
      item('\\fIvirnucpro.config.yaml\\fR', 'configuration of the current folder; also .yml and .json'),
    ),
    ...section('See also', [
      `${Object.keys(COMMANDS)
        .map((name) => reference(name))
        .join(',\n')}`,
    ]),
  ])
}

const SETTINGS =
  'every option that can stand in a configuration file, such as `VIRNUCPRO_THREADS`; `virnucpro config` shows them'

function commandPage(help: Command): string {
  return page(pageName(help.name), help.about, [
    ...synopsis(help),
    ...section('Description', [
      inline(help.about),
      ...(help.notes ?? []).flatMap((note) => ['.PP', inline(note)]),
    ]),
    ...options({ ...help, options: { ...help.options, ...commonOptions } }),
    ...examples(help),
    ...section('Exit status', [
      ...inline(help.exits)
        .split(/; (?=\\fB)/)
        .filter((each) => each !== '')
        .flatMap((each) => [`${each}.`, '.br']),
      'Codes that every command has are in',
      `${reference('')}.`,
    ]),
    ...section('See also', [reference('')]),
  ])
}

function page(name: string, about: string, body: readonly string[]): string {
  const title = name.toUpperCase()
  const head = [
    '.\\" Written by scripts/option-docs.ts.',
    `.TH "${roff(title)}" 1 "" "virnucpro ${version}" "VirNucPro"`,
    '.SH NAME',
    `${roff(name)} \\- ${inline(about.charAt(0).toLowerCase() + about.slice(1).replace(/\.$/, ''))}`,
  ]
  return `${[...head, ...body].join('\n')}\n`
}

function section(title: string, body: readonly string[]): string[] {
  return body.length === 0 ? [] : [`.SH ${title.toUpperCase()}`, ...body]
}

function synopsis({ name, usage }: Help): string[] {
  const lines = usage.flatMap((form, at) => [
    ...(at === 0 ? [] : ['.br']),
    `\\fB${roff(`virnucpro ${name}`.trimEnd())}\\fR ${roff(form)}`.trimEnd(),
  ])
  return section('Synopsis', lines)
}

function options(help: Help): string[] {
  const groups = [...groupsOf(help.options)].flatMap(([title, entries]) => [
    `.SS ${roff(title)}`,
    ...entries.flatMap(([name, option]) => item(label(name, option), description(option))),
  ])
  return section('Options', groups)
}

function label(name: string, option: Option): string {
  const { short, hint, negatable } = option
  const longs = longNames(name, option).flatMap((long) => {
    if (isOn(option)) return [`--no-${long}`]
    return negatable ? [`--${long}`, `--no-${long}`] : [`--${long}`]
  })
  const names = [...(short === undefined ? [] : [`-${short}`]), ...longs].map(
    (each) => `\\fB${roff(each)}\\fR`,
  )
  return names.join(', ') + (hint === undefined ? '' : ` \\fI${roff(hint)}\\fR`)
}

function description(option: Option): string {
  if (option.noEffect !== undefined) return `no effect: ${inline(option.noEffect)}`
  const otherwise = option.hint === undefined ? '' : defaultOf(option)
  return inline(`${meaningOf(option)}${otherwise === '' ? '' : `; default: ${otherwise}`}`)
}

function examples({ examples: list = [] }: Help): string[] {
  const lines = list.flatMap(([does, line], at) => [
    ...(at === 0 ? [] : ['.PP']),
    ...[inline(does), '.PP', '.EX', `    virnucpro ${roff(line)}`, '.EE'],
  ])
  return section('Examples', lines)
}

function item(term: string, text: string): string[] {
  return ['.TP', term, text]
}

function pageName(command: string): string {
  return `virnucpro ${command}`.trimEnd().replaceAll(' ', '-')
}

function reference(command: string): string {
  return `\\fB${roff(pageName(command))}\\fR(1)`
}

/** Markdown as roff: code in bold, links by their texts. */
function inline(markdown: string): string {
  const text = markdown.replace(/\[([^[\]]*)\]\([^)]*\)/g, '$1').replaceAll('**', '')
  return text
    .split(/`([^`]+)`/)
    .map((part, at) => (at % 2 === 0 ? roff(part) : `\\fB${roff(part)}\\fR`))
    .join('')
    .replace(/^(?=[.'])/, '\\&')
}

/** Text as it is: no letter of it means anything to roff, and a hyphen can be copied. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(
      /[^\t\n\x20-\x7e]/gu,
      (letter) => `\\[u${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
}
