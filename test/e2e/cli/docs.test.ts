import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMANDS, loadCommand } from '../../../src/cli/commands.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { isOn, longNames } from '../../../src/settings/index.ts'
import { repository } from './support.ts'

const page = (name: string) => readFileSync(join(repository, 'docs/reference', name), 'utf8')

test('the tables of options in the documentation are those of the program', () => {
  const script = [process.execPath, 'scripts/option-docs.ts', '--check']
  const { exitCode, stdout } = Bun.spawnSync(script, { cwd: repository })
  expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: '' })
})

test.each(Object.keys(COMMANDS))(
  'docs/reference/cli.md has %s with its usage and every option',
  async (name) => {
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
  },
)

test('docs/reference/exit-codes.md has every exit code', () => {
  const [codes = ''] = page('exit-codes.md').split('## By command')
  const rows = [...codes.matchAll(/^\| `(\d+)` /gm)].map((row) => Number(row[1]))
  expect(rows).toEqual(Object.values(ExitCode))
})

test('docs/reference/exit-codes.md says of every code whether to try again, and Nextflow does as it says', () => {
  const [, text = ''] = page('exit-codes.md').split('## Retries')
  const rows = [...text.matchAll(/^\| `(\d+)` \| (\S+) \|/gm)].map(
    ([, code, retry]) => [Number(code), retry] as const,
  )
  expect(rows.map(([code]) => code)).toEqual([...Object.values(ExitCode), 137].sort((a, b) => a - b))
  const again = rows.filter(([, retry]) => retry === '**yes**').map(([code]) => code)
  for (const settings of [text, readFileSync(join(repository, 'nextflow/nextflow.config'), 'utf8')]) {
    const [, listed = ''] = /exitStatus in \[(.*?)\]/.exec(settings) ?? []
    expect(listed.split(', ').map(Number)).toEqual(again)
  }
  // Wrong usage, input and data do not mend themselves; a lost server and the end of a job do.
  expect(rows).toContainEqual([64, 'no'])
  expect(rows).toContainEqual([65, 'no'])
  expect(rows).toContainEqual([75, '**yes**'])
  expect(rows).toContainEqual([143, '**yes**'])
})
