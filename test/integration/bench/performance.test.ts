import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { runBun } from './support.ts'

const root = resolve(import.meta.dir, '../../..')
const program = join(root, 'bench/performance.ts')
const text = readFileSync(join(root, 'docs/reference/performance.md'), 'utf8')

test('the page of performance is short, and its tables are those of the figures on record', async () => {
  expect(await runBun(program, ['--check'])).toMatchObject({ code: 0 })
  expect(text.split('\n').length).toBeLessThanOrEqual(121)
  expect(text.match(/<!-- figures: /g)?.length).toBeGreaterThan(3)
})

test('a number that was changed by hand is found, and written again', async () => {
  await using folder = temporaryFolder()
  const page = folder.join('performance.md')
  const [number = ''] = /\d+,\d{3}(?= \|)/.exec(text) ?? []
  await Bun.write(page, text.replace(`${number} |`, '1 |'))
  const check = async () => await runBun(program, ['--check', '--page', page])
  expect(await check()).toMatchObject({
    code: 1,
    err: expect.stringContaining('bun bench/performance.ts'),
  })
  expect(await runBun(program, ['--page', page])).toMatchObject({ code: 0 })
  expect(readFileSync(page, 'utf8')).toBe(text)
  expect(await check()).toMatchObject({ code: 0 })
})
