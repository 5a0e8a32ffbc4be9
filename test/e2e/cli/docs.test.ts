import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commonArgs } from '../../../src/cli/args/logging.ts'
import { predictGroups } from '../../../src/cli/args/predict.ts'
import { help as benchHelp } from '../../../src/cli/commands/bench.ts'
import { help as cleanHelp } from '../../../src/cli/commands/checkpoints-clean.ts'
import { help as listHelp } from '../../../src/cli/commands/checkpoints-list.ts'
import { help as migrateHelp } from '../../../src/cli/commands/checkpoints-migrate.ts'
import { help as verifyHelp } from '../../../src/cli/commands/checkpoints-verify.ts'
import { help as enginesBuildHelp } from '../../../src/cli/commands/engines-build.ts'
import { help as enginesShowHelp } from '../../../src/cli/commands/engines-show.ts'
import { help as enginesTuneHelp } from '../../../src/cli/commands/engines-tune.ts'
import { help as reportHelp } from '../../../src/cli/commands/report.ts'
import { help as validateHelp } from '../../../src/cli/commands/utils-validate-checkpoints.ts'
import { help as embeddingsHelp } from '../../../src/cli/commands/verify.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import {
  broadKeys,
  environmentName,
  fileKey,
  ignoredBroadKeys,
  settingNames,
} from '../../../src/settings/index.ts'
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

test.each([listHelp, verifyHelp, migrateHelp, cleanHelp, validateHelp])(
  'docs/cli.md and docs/checkpoints.md have $name with every option',
  ({ name, groups }) => {
    const text = page('cli.md')
    const spelled = groups.flatMap(({ args }) => args).flatMap(({ long }) => long.map((word) => `--${word}`))
    expect(spelled.filter((word) => !text.includes(`\`${word}`))).toEqual([])
    expect(text).toContain(`${name} DIR`)
    expect(page('checkpoints.md')).toContain(`${name} DIR`)
  },
)

test.each([enginesBuildHelp, enginesShowHelp, enginesTuneHelp, embeddingsHelp, reportHelp, benchHelp])(
  'docs/cli.md has a section on $name with every option in all its spellings, and no other option',
  ({ name, usage, groups }) => {
    const [section] =
      page('cli.md')
        .split(`\n## ${name.replace('virnucpro ', '')}\n`)[1]
        ?.split('\n## ') ?? []
    expect(section).toBeDefined()
    expect(section).toContain(`\n${name} ${usage?.[0]}\n`)
    const spelled = groups
      .filter((group) => group !== commonArgs)
      .flatMap(({ args }) => args)
      .flatMap(({ long, short }) => [...long.map((word) => `--${word}`), ...(short ? [`-${short}`] : [])])
    const missing = spelled.filter((word) => !new RegExp(`\`${word}[\` ]`).test(section!))
    expect(missing).toEqual([])
    const rows = [...section!.matchAll(/^\|([^|]+)\|/gm)].flatMap(
      (row) => row[1]!.match(/(?<=`)--?[a-z-]+/g) ?? [],
    )
    expect(rows.filter((word) => !spelled.includes(word))).toEqual([])
  },
)

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
