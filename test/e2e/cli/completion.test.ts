import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasShells, shellBinary } from '../../support/shells.ts'
import { hasTerminal, openTerminal, type Terminal } from '../../support/terminal.ts'
import { homeWith, IDS } from '../home/support.ts'
import { repository, virnucpro } from './support.ts'

const home = homeWith([IDS[0]])
const { folder } = home
mkdirSync(folder.join('bin'))
mkdirSync(folder.join('work/results'), { recursive: true })
writeFileSync(folder.join('work/reads.fa'), '')
writeFileSync(
  folder.join('bin/virnucpro'),
  `#!/bin/sh\nexec '${process.execPath}' '${join(repository, 'src/cli/main.ts')}' "$@"\n`,
)
chmodSync(folder.join('bin/virnucpro'), 0o755)
afterAll(() => home[Symbol.dispose]())

/** How each is started without the settings of anybody, and reads the script. */
const SHELLS = {
  bash: { start: 'exec bash --noprofile --norc', read: 'source <(virnucpro completion bash)' },
  zsh: {
    start: `exec ${shellBinary('zsh')} -f`,
    read: 'autoload -Uz compinit; compinit -D -u; source <(virnucpro completion zsh)',
  },
  fish: { start: `exec ${shellBinary('fish')} --private`, read: 'virnucpro completion fish | source' },
} as const

async function opened(shell: keyof typeof SHELLS): Promise<Terminal> {
  const terminal = openTerminal(120, 40)
  const { start, read } = SHELLS[shell]
  const set = {
    HOME: folder.path,
    VIRNUCPRO_HOME: home.at(),
    PATH: `${folder.join('bin')}:${process.env.PATH}`,
  }
  const variables = Object.entries(set).map(([name, value]) => `${name}='${value}'`)
  terminal.type(`cd ${folder.join('work')}; export ${variables.join(' ')}; clear; ${start}`, 'Enter')
  terminal.type(`${read}; echo script''-read`, 'Enter')
  await terminal.until((screen) => /^script-read/m.test(screen))
  terminal.type('clear', 'Enter')
  return terminal
}

describe.skipIf(!hasTerminal || !hasShells).each(Object.keys(SHELLS) as (keyof typeof SHELLS)[])(
  '%s',
  (shell) => {
    test.concurrent('completes commands, options, values, files and bundles', async () => {
      using terminal = await opened(shell)
      /** Types a line and Tab, waits for what must then be on the screen, and empties the line. */
      const tab = async (line: string, ...wanted: string[]) => {
        terminal.type('C-u')
        terminal.type('C-l')
        terminal.type('-l', line)
        terminal.type('Tab')
        if (wanted.length > 1) terminal.type('Tab')
        const screen = await terminal.until((now) => wanted.every((each) => now.includes(each)))
        terminal.type('C-c')
        await Bun.sleep(100)
        return screen
      }
      await tab('virnucpro pre', 'virnucpro predict')
      await tab('virnucpro predict --lay', 'virnucpro predict --layout')
      await tab('virnucpro predict --layout ', 'vanilla', 'broad')
      await tab('virnucpro predict --layout=br', 'virnucpro predict --layout=broad')
      const models = await tab('virnucpro models ', 'import', 'pull', 'remove')
      expect(models).not.toContain('predict ')
      await tab('virnucpro -v models rem', 'virnucpro -v models remove')
      await tab('virnucpro help checkpoints mig', 'virnucpro help checkpoints migrate')
      await tab('virnucpro predict rea', 'virnucpro predict reads.fa')
      await tab('virnucpro predict -o res', 'virnucpro predict -o results/')
      await tab('virnucpro predict --output-dir=res', 'virnucpro predict --output-dir=results/')
      await tab(`virnucpro models default ${IDS[0].slice(0, 5)}`, `virnucpro models default ${IDS[0]}`)
      await tab('virnucpro completion f', 'virnucpro completion fish')
    })
  },
)

test.concurrent('a script for a shell that is not known is wrong usage', async () => {
  const { code, out, err } = await virnucpro(['completion', 'tcsh'])
  expect(err).toContain('unknown shell tcsh: expected bash, zsh or fish')
  expect({ code, out }).toEqual({ code: 64, out: '' })
})

test.concurrent('what is offered follows the line up to the cursor', async () => {
  const offered = async (...words: string[]) => {
    const { code, out, err } = await virnucpro(['__complete', 'fish', ...words])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const [also, ...lines] = out.trimEnd().split('\n')
    return { also, words: lines.map((line) => line.split('\t')[0]) }
  }
  expect(await offered('predict', '--prec')).toEqual({ also: 'words', words: [] })
  expect(await offered('predict', '-kf', '--no-res')).toEqual({ also: 'words', words: ['--no-resume'] })
  // An option without effect helps nobody.
  expect(await offered('predict', '--pin')).toEqual({ also: 'words', words: [] })
  expect(await offered('predict', '-d', '')).toEqual({ also: 'words', words: ['auto', 'cpu', 'cuda'] })
  expect(await offered('predict', '-kfo', '')).toEqual({ also: 'folders', words: [] })
  expect(await offered('bench', '--only', 'micro,pi')).toEqual({ also: 'words', words: ['micro,pipeline'] })
  expect(await offered('predict', '--', '--lay')).toEqual({ also: 'files', words: [] })
  expect(await offered('--config', '')).toEqual({ also: 'files', words: [] })
  expect((await offered('models', 'pull', 'esm2:')).words).toContain('esm2:8M')
  expect(await offered('no-such-command', '')).toEqual({ also: 'files', words: [] })
})
