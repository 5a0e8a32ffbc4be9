import { expect, test } from 'bun:test'
import { commonOptions } from '../../../src/cli/command.ts'
import { spelledNames } from '../../../src/cli/command-line.ts'
import { COMMANDS, loadCommand } from '../../../src/cli/commands.ts'
import { adviceOn, optionsIn } from '../../../src/cli/errors.ts'
import { EXPLANATIONS } from '../../../src/cli/explanations.ts'
import type { Detail, ErrorCodes } from '../../../src/system/error-codes.ts'

const BOTH = [true, false] as const

/** Data of more kinds than the documentation shows. */
const MORE: { [Code in keyof ErrorCodes]?: readonly ErrorCodes[Code][] } = {
  'memory-too-small': [{ model: 'dnabert', tokens: 512 }],
  'port-in-use': (['http', 'metrics'] as const).flatMap((port) =>
    (['program', 'port', 'address'] as const).map((hindrance) => ({ port, hindrance })),
  ),
  'gpus-not-set-up': [{ hereSeconds: null }],
}

const DETAILS = Object.entries(EXPLANATIONS).flatMap(([code, explanation]) =>
  [...('data' in explanation ? explanation.data : [{}]), ...(MORE[code as keyof ErrorCodes] ?? [])].map(
    (data: object) => ({ code, data }) as unknown as Detail,
  ),
)

async function optionsOf(name: string): Promise<Set<string>> {
  return spelledNames({ ...(await loadCommand(name)).options, ...commonOptions })
}

const OPTIONS = new Map(
  await Promise.all(Object.keys(COMMANDS).map(async (name) => [name, await optionsOf(name)] as const)),
)

/** The command that the words after the name of the program begin with. */
function commandIn(words: string): string {
  return [...OPTIONS.keys()].find((name) => `${words} `.startsWith(`${name} `)) ?? `no command: ${words}`
}

test.each(Object.keys(COMMANDS))('advice to whoever runs %s names options of that command', (name) => {
  const options = OPTIONS.get(name)!
  const wrong = DETAILS.flatMap((detail) =>
    BOTH.flatMap((ofSamples) => {
      const advice = adviceOn(detail, { options, ofSamples }) ?? ''
      return optionsIn(advice)
        .filter(
          ({ command, option }) =>
            !OPTIONS.get(command === undefined ? name : commandIn(command))?.has(option),
        )
        .map(({ option }) => `${detail.code}: --${option} in: ${advice}`)
    }),
  )
  expect(wrong).toEqual([])
})

test('there is advice on every code for some command', () => {
  const without = DETAILS.filter((detail) =>
    [...OPTIONS.values()].every((options) => adviceOn(detail, { options, ofSamples: false }) === undefined),
  )
  expect(without).toEqual([])
})

test('an option is one of the command that is named before it', () => {
  expect(
    optionsIn('Add --force, or run virnucpro models import --mlp 300=FILE --esm FILE; --resume goes on'),
  ).toEqual([
    { command: undefined, option: 'force' },
    { command: 'models import', option: 'mlp' },
    { command: 'models import --mlp 300=FILE', option: 'esm' },
    { command: undefined, option: 'resume' },
  ])
})
