import { expect, test } from 'bun:test'
import { shell, temporaryFolder } from './support.ts'

test.concurrent('results that cannot be written are an error', async () => {
  using folder = temporaryFolder()
  for (const words of ['config', 'config --json', '--help', 'predict --help', '--version']) {
    const { code, err } = await shell(`virnucpro ${words} > /dev/full`, folder.path)
    expect(err).toBe(
      'error: cannot write standard output: the disk is full; free some space and start the same command again\n',
    )
    expect({ words, code }).toEqual({ words, code: 74 })
  }
})

test.concurrent('messages that cannot be written stop nothing', async () => {
  using folder = temporaryFolder()
  for (const redirection of ['2> /dev/full', '2>&-']) {
    const { code, out } = await shell(`virnucpro config --parallel ${redirection}`, folder.path)
    expect(out).toContain('effective configuration')
    expect(code).toBe(0)
  }
})

test.concurrent('a current folder that is gone is said in words', async () => {
  using folder = temporaryFolder()
  for (const words of ['config', 'predict x.fa --bundle demo', 'report x', 'checkpoints list x']) {
    const { code, err } = await shell(`mkdir gone; cd gone; rmdir ../gone; virnucpro ${words}`, folder.path)
    expect(err).toContain('error: ')
    expect(err).not.toContain('defect')
    expect(code).toBe(66)
  }
})

test.concurrent('too little address space is said in words, and worth another try', async () => {
  using folder = temporaryFolder()
  await Bun.write(folder.join('in.fa'), `>a\nATG${'GCT'.repeat(80)}TAA\n`)
  const { code, err } = await shell('ulimit -v 2000000; virnucpro predict in.fa --bundle demo', folder.path)
  expect(err).toContain('there is no memory left; end other programs or raise the limit (ulimit -v)')
  expect(err).not.toContain('defect')
  expect(code).toBe(75)
})
