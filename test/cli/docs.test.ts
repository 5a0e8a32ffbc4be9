import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { predictGroups } from '../../src/cli/args/predict.ts'
import {
  broadKeys,
  environmentName,
  fileKey,
  ignoredBroadKeys,
  settingNames,
} from '../../src/config/index.ts'
import { ExitCode } from '../../src/system/index.ts'
import { repository } from './support.ts'

const page = (name: string) => readFileSync(join(repository, 'docs', name), 'utf8')

test('docs/cli.md has every option of predict in all its spellings', () => {
  const text = page('cli.md')
  const missing = predictGroups
    .flatMap((group) => group.args)
    .flatMap((arg) => [...arg.long.map((name) => `--${name}`), ...(arg.short ? [`-${arg.short}`] : [])])
    .filter(
      (spelled) =>
        !new RegExp(`\`${spelled}[\` ]`).test(text) && !text.includes(`\`--no-${spelled.slice(2)}\``),
    )
  expect(missing).toEqual([])
})

test('docs/configuration.md has every setting, variable and key', () => {
  const text = page('configuration.md')
  const names = settingNames.flatMap((name) => [fileKey(name), environmentName(name)])
  const missing = [...names, ...Object.keys(broadKeys), ...ignoredBroadKeys].filter(
    (name) => !text.includes(`\`${name}\``),
  )
  expect(missing).toEqual([])
})

test('docs/exit-codes.md has every exit code', () => {
  const rows = [...page('exit-codes.md').matchAll(/^\| `(\d+)` /gm)].map((row) => Number(row[1]))
  expect(rows).toEqual(Object.values(ExitCode))
})
