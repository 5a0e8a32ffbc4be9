import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMANDS, loadCommand } from '../../../src/cli/commands.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { isOn, longNames } from '../../../src/settings/index.ts'
import { repository } from './support.ts'

const page = (name: string) => readFileSync(join(repository, 'docs', name), 'utf8')

test('the tables of options in the documentation are those of the program', () => {
  const script = [process.execPath, 'scripts/option-docs.ts', '--check']
  const { exitCode, stdout } = Bun.spawnSync(script, { cwd: repository })
  expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: '' })
})

test.each(Object.keys(COMMANDS))('docs/cli.md has %s with its usage and every option', async (name) => {
  const { options, usage } = await loadCommand(name)
  const text = page('cli.md')
  for (const [key, option] of Object.entries(options)) {
    const letter = option.short === undefined ? [] : [`-${option.short}`]
    const names = longNames(key, option).map((long) => (isOn(option) ? `--no-${long}` : `--${long}`))
    const missing = [...letter, ...names].filter((word) => !new RegExp(`\`${word}[\` ]`).test(text))
    expect(missing).toEqual([])
  }
  expect(text.includes(`virnucpro ${name} ${usage[0]?.replace(/ \[OPTIONS\]$/, '')}`)).toBe(true)
  if (/^(checkpoints|utils)/.test(name)) expect(page('checkpoints.md')).toContain(`virnucpro ${name} DIR`)
})

test('docs/exit-codes.md has every exit code', () => {
  const rows = [...page('exit-codes.md').matchAll(/^\| `(\d+)` /gm)].map((row) => Number(row[1]))
  expect(rows).toEqual(Object.values(ExitCode))
})
