import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { resultOf } from '../../support/cli.ts'
import { startMirror } from '../../support/mirror.ts'
import { filesBelow, pull, startPull, temporaryFolder, torchFile } from './support.ts'

const FILE = '/500_model.pth'
const content = await torchFile(12)
const isWhole = (path: string) => Buffer.compare(readFileSync(path), content) === 0

/** Bytes that were asked for and not merely looked at. */
function bytesAsked(requests: readonly { range: string | null }[]): number {
  return requests.reduce((sum, { range }) => {
    const [, start = 0, end = 0] = /(\d+)-(\d+)/.exec(range ?? '')?.map(Number) ?? []
    return sum + (end === 0 ? 0 : end - start + 1)
  }, 0)
}

async function until(condition: () => boolean): Promise<void> {
  const began = performance.now()
  while (!condition()) {
    if (performance.now() - began > 20_000) throw new Error('it never became true')
    await Bun.sleep(20)
  }
}

test('a download that was killed goes on from what is on record', async () => {
  using folder = temporaryFolder()
  await using mirror = startMirror({ [FILE]: content })
  mirror.speed = 400_000
  const words = ['500', '--from', mirror.url, '-o', 'w']
  const child = startPull(folder, words)
  await until(() => existsSync(folder.join('w/500_model.pth.incomplete.json')))
  child.kill('SIGKILL')
  await child.exited
  expect(existsSync(folder.join('w/500_model.pth'))).toBe(false)

  const before = mirror.requests.length
  mirror.speed = undefined
  const { code, stdout } = await pull(folder, words)
  expect({ code, stdout }).toEqual({ code: 0, stdout: '500\tw/500_model.pth\n' })
  expect(isWhole(folder.join('w/500_model.pth'))).toBe(true)
  expect(filesBelow(folder.join('w'))).toEqual(['500_model.pth'])
  expect(bytesAsked(mirror.requests.slice(before))).toBeLessThan(content.length - 1_000_000)
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s keeps all that has come', async (signal) => {
  using folder = temporaryFolder()
  await using mirror = startMirror({ [FILE]: content })
  mirror.speed = 1_000_000
  const words = ['500', '--from', mirror.url, '-o', 'w']
  const child = startPull(folder, words)
  await until(() => mirror.requests.length > 6)
  child.kill(signal)
  const { code, stdout } = await resultOf(child)
  expect({ code, stdout }).toEqual({ code: signal === 'SIGINT' ? 130 : 143, stdout: '' })
  expect(filesBelow(folder.join('w'))).toEqual(['500_model.pth.incomplete', '500_model.pth.incomplete.json'])
  mirror.speed = undefined
  const before = mirror.requests.length
  expect((await pull(folder, words)).code).toBe(0)
  expect(isWhole(folder.join('w/500_model.pth'))).toBe(true)
  expect(bytesAsked(mirror.requests.slice(before))).toBeLessThan(content.length - 1_000_000)
})

test('killed at any moment, the same command ends right', async () => {
  using folder = temporaryFolder()
  await using mirror = startMirror({ [FILE]: content })
  mirror.speed = 3_000_000
  const words = ['500', '--from', mirror.url, '-o', 'w', '-q']
  for (let delay = 60; ; delay = Math.round(delay * 1.35)) {
    const child = startPull(folder, words)
    const ended = await Promise.race([child.exited, Bun.sleep(delay).then(() => 'running')])
    if (ended !== 'running') {
      expect(ended).toBe(0)
      break
    }
    child.kill('SIGKILL')
    await child.exited
    if (existsSync(folder.join('w/500_model.pth'))) expect(isWhole(folder.join('w/500_model.pth'))).toBe(true)
  }
  expect(isWhole(folder.join('w/500_model.pth'))).toBe(true)
})

test('of two at once one downloads, and the other waits and finds it there', async () => {
  using folder = temporaryFolder()
  await using mirror = startMirror({ [FILE]: content })
  mirror.speed = 3_000_000
  const words = ['500', '--from', mirror.url, '-o', 'w']
  const results = await Promise.all([1, 2, 3].map(() => resultOf(startPull(folder, words))))
  for (const { code, stdout } of results)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '500\tw/500_model.pth\n' })
  expect(results.map(({ stderr }) => stderr).join('')).toContain('waiting for process')
  expect(isWhole(folder.join('w/500_model.pth'))).toBe(true)
  expect(filesBelow(folder.join('w'))).toEqual(['500_model.pth'])
  expect(bytesAsked(mirror.requests)).toBe(content.length)
})
