import { expect, setDefaultTimeout, test } from 'bun:test'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { GROWING } from './inputs.ts'
import { measure } from './support.ts'

setDefaultTimeout(300_000)

/** What the collector of the runtime may leave lying about, in MB. */
const GARBAGE = 150
const PREDICT = 'predict - --bundle demo --no-progress --no-report --no-metrics --prefix in'.split(' ')

test.each(GROWING)('memory of predict has a bound for $name', async (input) => {
  await using folder = temporaryFolder()
  const { words, content, size, bytesEach, code } = input
  const run = async (size: number) =>
    await measure(folder.path, [...PREDICT, ...words, '--output-dir', `out-${size}`], content(size))
  const small = await run(size)
  const large = await run(4 * size)
  expect([small.code, large.code], large.stderr).toEqual([code, code])
  expect(large.peak - small.peak).toBeLessThan(GARBAGE + (3 * size * bytesEach) / 2 ** 20)
})
