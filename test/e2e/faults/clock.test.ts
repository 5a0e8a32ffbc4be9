import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository } from '../../support/cli.ts'
import { clockIn, hasClocks } from '../../support/faults/clock.ts'
import { differences, outputs } from '../predict/resume-support.ts'
import { begin, drawing, expectInWords, goesOn, smallRun, undisturbed } from './disturbed.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
const { below, shuffled } = drawing('clock')
const TIMES = ['1965-03-01 00:00:00', '2038-01-19 03:14:06', '2300-02-28 23:59:59', '2001-09-09 01:46:39']
let expected: Map<string, Buffer>

beforeAll(async () => {
  const output = folder.join('undisturbed')
  expected = await undisturbed(smallRun(folder.path, output), output)
})
afterAll(() => folder[Symbol.asyncDispose]())

test.skipIf(!hasClocks)(
  'the clock may jump by centuries while a run goes on, is killed and goes on again',
  async () => {
    const output = folder.join('jumps')
    const words = smallRun(folder.path, output)
    const [first = '', second = '', third = ''] = shuffled(TIMES)
    const clock = clockIn(folder.join('clock'), first)
    // One that has come to its end before it is killed begins once more.
    for (let code = 0; code === 0; ) {
      rmSync(output, { recursive: true, force: true })
      const killed = begin(words, { env: clock.env })
      await killed.said('debug: computed ', 1 + below(10))
      clock.set(second)
      await Bun.sleep(below(100))
      killed.child.kill('SIGKILL')
      code = (await killed.ended()).code
    }
    // As files of a machine with another clock: of the future, or of before there were files.
    const time = shuffled([-1e9, 1, 16e9])[0]!
    for (const name of readdirSync(output, { recursive: true, encoding: 'utf8' }))
      utimesSync(join(output, name), time, time)
    const last = begin(words, { env: clock.env })
    await last.said('debug: computed ', 1 + below(5))
    clock.set(third)
    const { code, messages } = await last.ended()
    expect({ code, messages: code === 0 ? '' : messages }).toEqual({ code: 0, messages: '' })
    expect(messages).toContain('continuing the unfinished run')
    expect(differences(outputs(output), expected)).toEqual([])
    // What took how long is counted by a clock that nobody sets.
    const { time: took } = JSON.parse(readFileSync(join(output, 'reads_report/summary.json'), 'utf8'))
    expect(took.seconds).toBeGreaterThan(0)
    expect(took.seconds).toBeLessThan(100)
    expect((await goesOn(words, output, expected, { env: clock.env })).messages).toContain(
      'has finished before',
    )
  },
)

/** A program that waits two seconds for a server, and says what came of it. */
const WAITING = `
  const { TritonClient } = await import(${JSON.stringify(join(repository, 'packages/tritonclient-ts/src/index.ts'))})
  const client = new TritonClient({ url: 'grpc://127.0.0.1:1' })
  console.error('computing')
  await client.waitUntilReady({ deadlineMs: 2000 }).catch((error) => console.error(error.message))
  client.close()`

test.skipIf(!hasClocks)(
  'who waits for a server waits neither for years nor too short when the clock is set',
  async () => {
    const none = ['--triton', 'grpc://127.0.0.1:1', '--server-timeout', '2']
    for (const [name, before, after] of [
      ['back', '2031-01-01 00:00:00', '2011-01-01 00:00:00'],
      ['on', '2011-01-01 00:00:00', '2031-01-01 00:00:00'],
    ] as const) {
      const clock = clockIn(folder.join(`clock-${name}`), before)
      const words = smallRun(folder.path, folder.join(name)).filter(
        (word) => !['--backend', 'onnx'].includes(word),
      )
      const run = begin([...words, ...none], { env: clock.env })
      const client = Bun.spawn([process.execPath, '-e', WAITING], {
        env: { ...process.env, ...clock.env },
        stderr: 'pipe',
      })
      await Promise.all([run.said('no inference server was named', 0), Bun.sleep(1200)])
      clock.set(after)
      expectInWords(await run.ended(), 69, 'no inference server with every model has answered for 2 s')
      expect(await new Response(client.stderr).text()).toContain('not ready within 2000 ms')
    }
  },
)
