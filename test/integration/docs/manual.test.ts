import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { COMMANDS } from '../../../src/cli/commands.ts'
import { hasShells, shellBinary } from '../../support/shells.ts'

const folder = resolve(import.meta.dir, '../../../man')
const pages = readdirSync(folder)
const mandoc = (...words: string[]) => Bun.spawnSync([shellBinary('mandoc'), ...words]).stdout.toString()

test('there is a page of the manual for the program and for each command', () => {
  const names = Object.keys(COMMANDS).map((name) => `virnucpro-${name.replace(' ', '-')}.1`)
  expect(pages.sort()).toEqual(['virnucpro.1', ...names].sort())
})

test.skipIf(!hasShells)('the pages are right, as mandoc sees it, and say what the help says', () => {
  // A date would change the pages without their content.
  const lines = mandoc('-T', 'lint', '-W', 'warning', ...pages.map((name) => join(folder, name))).split('\n')
  expect(lines.filter((line) => line !== '' && !line.includes('missing date'))).toEqual([])
  const predict = mandoc('-T', 'utf8', '-O', 'width=200', join(folder, 'virnucpro-predict.1')).replace(
    /.[\b]/g,
    '',
  )
  expect(predict).toContain('virnucpro predict FILE LENGTH MODEL.pth')
  expect(predict).toMatch(/-o, --output-dir DIR\n\s+folder of the results; default: INPUT_predictions/)
  expect(predict).toContain('    virnucpro predict contigs.fasta --output-dir results')
  // Neither marks of Markdown nor of roff are left.
  expect(predict).not.toMatch(/`|\]\(|\\f/)
  const program = mandoc('-T', 'utf8', '-O', 'width=200', join(folder, 'virnucpro.1')).replace(/.[\b]/g, '')
  for (const word of [
    'EXIT STATUS',
    'closed the pipe early',
    '143',
    'VIRNUCPRO_HOME',
    'virnucpro-models-pull(1)',
  ])
    expect(program).toContain(word)
})
