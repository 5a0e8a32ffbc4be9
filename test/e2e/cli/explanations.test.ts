import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { COMMANDS, isGroup } from '../../../src/cli/commands.ts'
import { EXPLANATIONS } from '../../../src/cli/explanations.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { repository, virnucpro } from '../../support/cli.ts'

const CODES = Object.keys(EXPLANATIONS)

test('every message that is explained is one that the program prints', () => {
  const files = [...new Bun.Glob('{src,model_repository}/**/*.{ts,py}').scanSync(repository)]
  const source = files
    .filter((file) => !file.endsWith('cli/explanations.ts'))
    .map((file) => readFileSync(`${repository}/${file}`, 'utf8'))
    .join('\n')
    // A message on several lines.
    .replace(/['`"] \+\s*['`"]/g, '')
    .replaceAll("\\'", "'")
  const unknown = Object.entries(EXPLANATIONS).flatMap(([code, { messages }]) =>
    messages
      .flatMap((message) => message.split(/\{\w+\}|"/))
      .map((part) => part.replace(/^[:,;.) ]+/, '').trim())
      .filter((part) => part.length > 3 && !source.includes(part))
      .map((part) => `${code}: ${part}`),
  )
  expect(unknown).toEqual([])
})

test('no code is called like a command, so that help finds both', () => {
  expect(CODES.filter((code) => Object.hasOwn(COMMANDS, code) || isGroup(code))).toEqual([])
})

test('an error ends with its code, and help explains it', async () => {
  const { code, stderr } = await virnucpro(['models', 'show', 'nothere'])
  expect(code).toBe(ExitCode.noInput)
  const [, printed = ''] = /\. .* \[([a-z-]+)\]\n$/.exec(stderr) ?? []
  expect(printed).toBe('no-bundle')
  const help = await virnucpro(['help', printed])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toContain('there is no bundle NAME: no folder has that name')
  expect(help.stdout.replaceAll('\n', ' ')).toContain('virnucpro models list shows the bundles of the home')
  expect(help.stdout).not.toMatch(/`|\]\(/)
})

test('help explains exit codes, and says when the same command may succeed', async () => {
  const [again, never] = await Promise.all([virnucpro(['help', '75']), virnucpro(['help', '65'])])
  expect(again.stdout).toStartWith('Exit code 75\n')
  expect(again.stdout).toContain('The same command may succeed later')
  expect(never.stdout).toContain('The same command ends so again')
  const unknown = await virnucpro(['help', '99'])
  expect(unknown).toMatchObject({ code: ExitCode.usage, stdout: '' })
})
