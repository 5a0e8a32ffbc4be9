import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, rmSync, statSync, utimesSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository } from '../../support/cli.ts'
import { differences, outputs } from '../predict/resume-support.ts'
import { descendants, isAlive } from '../serve/support.ts'
import { begin, drawing, expectInWords, goesOn, leftBehind, run, smallRun, undisturbed } from './disturbed.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
const { below, shuffled } = drawing('signals')
let expected: Map<string, Buffer>

beforeAll(async () => {
  const output = folder.join('undisturbed')
  expected = await undisturbed(smallRun(folder.path, output), output)
})
afterAll(() => folder[Symbol.asyncDispose]())

/** What stops a run, and the exit code that says so; the others end it as SIGKILL does. */
const STOPS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

test('a run that every signal has ended once, at random moments, goes on to the same bytes', async () => {
  const output = folder.join('signals')
  const words = smallRun(folder.path, output)
  const signals = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR1', 'SIGXCPU', 'SIGABRT'] as const
  const left: (typeof signals)[number][] = shuffled(signals)
  for (let i = 0; left.length > 0; i++) {
    const signal = left.pop()!
    // As a terminal sends them: to the group. `setsid` execs the program, which leads its group then.
    const toGroup = below(2) === 0
    const started = begin(words, { within: ['setsid'] })
    if (i === 0) await Bun.sleep(below(200))
    else await started.said('debug: computed ', 1 + below(8))
    process.kill(toGroup ? -started.child.pid : started.child.pid, signal)
    const ended = await started.ended()
    if (ended.code === 0) {
      // It had come to its end by then: once more, from the beginning.
      left.push(signal)
      rmSync(output, { recursive: true })
      continue
    }
    const code = STOPS[signal as keyof typeof STOPS]
    const said = code !== undefined && ended.signal === undefined
    if (said) expect(ended.messages).toContain(`stopped by ${signal}`)
    // Before the program has begun to listen, the signal itself ends it.
    expect({ signal, by: said ? ended.code : ended.signal }).toEqual({ signal, by: said ? code : signal })
  }
  const last = begin(words)
  await last.said('models: ')
  // Neither a terminal that changes its size nor a pipe that somebody has closed, nor a stop and a start, is an end.
  for (const signal of ['SIGWINCH', 'SIGPIPE', 'SIGSTOP'] as const) last.child.kill(signal)
  await Bun.sleep(300)
  last.child.kill('SIGCONT')
  const { code, messages } = await last.ended()
  expect({ code, messages: code === 0 ? '' : messages }).toEqual({ code: 0, messages: '' })
  expect(differences(outputs(output), expected)).toEqual([])
  expect(leftBehind(output)).toEqual([])
})

test('a second Ctrl-C ends a run at once, and nothing is lost', async () => {
  const output = folder.join('twice')
  const words = smallRun(folder.path, output)
  const started = begin(words, { within: ['setsid'] })
  await started.said('debug: computed ', 1 + below(20))
  process.kill(-started.child.pid, 'SIGINT')
  process.kill(-started.child.pid, 'SIGINT')
  expect(await started.ended()).toMatchObject({ code: 130 })
  await goesOn(words, output, expected)
})

test('a run whose parent is killed goes on to its end', async () => {
  const output = folder.join('orphan')
  const words = smallRun(folder.path, output)
  const parent = Bun.spawn(
    ['bash', '-c', '"$@" & wait', 'bash', process.execPath, `${repository}/src/cli/main.ts`, ...words],
    { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
  )
  const lock = `${output}/.virnucpro/reads.lock`
  while (!existsSync(lock)) await Bun.sleep(5)
  const children = descendants(parent.pid)
  parent.kill('SIGKILL')
  expect(children.length).toBeGreaterThan(0)
  while (children.some(isAlive)) await Bun.sleep(20)
  expect(differences(outputs(output), expected)).toEqual([])
  expect(leftBehind(output)).toEqual([])
})

test('a run that stood still while another took its lock stops, and harms nothing', async () => {
  const output = folder.join('stolen')
  const words = smallRun(folder.path, output)
  // In a namespace of process ids of its own it is to the others as a run on another machine.
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const first = begin(words, { within: ['unshare', ...asRoot, '--pid', '--fork', '--kill-child'] })
  await first.said('debug: computed ', 1 + below(10))
  const [inside = -1] = descendants(first.child.pid)
  process.kill(inside, 'SIGSTOP')
  const lock = `${output}/.virnucpro/reads.lock`
  expectInWords(await run(words), 75, 'another run is writing to this output folder')
  // No sign of life for longer than a run that lives would ever be silent.
  const silent = statSync(lock).mtimeMs / 1000 - 120
  utimesSync(lock, silent, silent)
  await goesOn(words, output, expected)
  process.kill(inside, 'SIGCONT')
  const ended = await first.ended()
  expectInWords(ended, 75, 'has vanished or was taken by another run')
  const again = await goesOn(words, output, expected)
  expect(again.messages).toContain('has finished before')
})
