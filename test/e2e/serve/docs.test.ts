import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryArgs } from '../../../src/cli/args/repository.ts'
import { containerArgs, listenArgs, serveArgs } from '../../../src/cli/args/serve.ts'
import { repository as root, virnucpro } from '../cli/support.ts'

test('docs/cli.md has every option of repository build and serve, and so has their help', async () => {
  const text = readFileSync(join(root, 'docs', 'cli.md'), 'utf8')
  for (const [command, groups] of [
    ['repository build', [repositoryArgs]],
    ['serve', [serveArgs, listenArgs, containerArgs]],
  ] as const) {
    const section = text.split(`\n## ${command}\n`)[1]?.split('\n## ')[0] ?? ''
    const { out } = await virnucpro([...command.split(' '), '--help'])
    for (const { long, short } of groups.flatMap(({ args }) => args)) {
      for (const spelled of [
        ...long.map((name) => `--${name}`),
        ...(short === undefined ? [] : [`-${short}`]),
      ]) {
        expect(section).toMatch(new RegExp(`\`${spelled}[\` ]`))
        expect(out).toContain(spelled)
      }
    }
  }
})
