import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { effective, temporaryFolder, virnucpro } from './support.ts'

test.concurrent('each value is printed with its origin', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.join('virnucpro.config.yaml'), 'threads: 3\nbatch_size: 32\nlayout: broad\n')
  const { code, out, err } = await virnucpro(['config', 'a.fa', '--layout', 'vanilla'], {
    cwd: folder.path,
    env: { VIRNUCPRO_BATCH_SIZE: '64' },
  })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const lines = out.split('\n').map((line) => line.replace(/ {2,}/g, ' '))
  expect(lines).toContain('# file: "virnucpro.config.yaml"')
  expect(lines).toContain('layout: "vanilla" # flag --layout')
  expect(lines).toContain('batch_size: 64 # environment VIRNUCPRO_BATCH_SIZE')
  expect(lines).toContain('threads: 3 # file virnucpro.config.yaml, threads')
  expect(lines).toContain('sequences_per_file: 10000 # default')
  expect(lines).toContain('# prefix: # not set')
})

test.concurrent('what is printed is a configuration file that gives the same again', async () => {
  using folder = temporaryFolder()
  const args = [
    '-m',
    '300',
    '-d',
    'cuda:1',
    '--input',
    'odd: name #1.fa',
    '--prefix',
    '2024',
    '-o',
    "it's",
    '-kf',
  ]
  const { out } = await virnucpro(['config', ...args])
  writeFileSync(folder.join('again.yaml'), out)
  const strip = (settings: Record<string, { value: unknown }>) =>
    Object.fromEntries(Object.entries(settings).map(([name, { value }]) => [name, value]))
  const again = await effective(['--config', 'again.yaml'], { cwd: folder.path })
  expect(strip(again)).toEqual(strip(await effective(args)))
  expect(again.prefix).toEqual({ value: '2024', origin: 'file', name: 'prefix', file: 'again.yaml' })
})
