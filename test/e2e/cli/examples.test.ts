import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { commonOptions } from '../../../src/cli/command.ts'
import { readCommandLine } from '../../../src/cli/command-line.ts'
import { COMMANDS, loadCommand, overview } from '../../../src/cli/commands.ts'
import { prepareCall } from '../../../src/cli/strict.ts'
import { temporaryFolder } from './support.ts'

const before = process.cwd()
const folder = temporaryFolder()

beforeAll(() => {
  // Folders that the examples name, and no configuration file.
  for (const name of ['results', 'plans']) mkdirSync(folder.join(name))
  process.chdir(folder.path)
})

afterAll(() => {
  process.chdir(before)
  folder[Symbol.dispose]()
})

/** Everything that is checked of a line before the work begins. */
async function check(line: string): Promise<string> {
  const words = line.split(' ')
  const length = Object.hasOwn(COMMANDS, words.slice(0, 2).join(' ')) ? 2 : 1
  const name = words.slice(0, length).join(' ')
  const command = await loadCommand(name)
  await prepareCall(command, readCommandLine(words.slice(length), { ...command.options, ...commonOptions }))
  return name
}

test.each(Object.keys(COMMANDS))('%s has examples, and each is a line that it takes', async (name) => {
  const { examples } = await loadCommand(name)
  expect(examples.length).toBeGreaterThan(0)
  for (const [does, line] of examples) {
    expect(does).toMatch(/^[A-Z].*:$/)
    expect(await check(line)).toBe(name)
  }
})

test('the examples of the program are lines that it takes', async () => {
  for (const [, line] of overview().examples ?? []) await check(line)
})
