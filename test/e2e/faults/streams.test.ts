import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { differences, outputs } from '../predict/resume-support.ts'
import { leftBehind, run, smallRun, undisturbed } from './disturbed.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
let expected: Map<string, Buffer>

beforeAll(async () => {
  const output = folder.join('undisturbed')
  expected = await undisturbed(smallRun(folder.path, output), output)
})
afterAll(() => folder[Symbol.asyncDispose]())

test.each([
  ['input, output and messages closed', 'exec <&- >&- 2>&-'],
  ['messages on a full disk', 'exec 2> /dev/full'],
  ['messages for a reader that has gone', 'exec 2> >(true); sleep 0.2'],
])('a run with %s does its work', async (name, shell) => {
  const output = folder.join(name.replaceAll(' ', '_'))
  const { code } = await run(smallRun(folder.path, output), { shell })
  expect(code).toBe(0)
  expect(differences(outputs(output), expected)).toEqual([])
  expect(leftBehind(output)).toEqual([])
})

test('messages that nobody reads for long hold up no work', async () => {
  const output = folder.join('slow')
  const table = join(output, 'reads_merged/prediction_results_highestscore.csv')
  // A pipe that holds one page, and a reader that waits for the table before it reads anything.
  const reader = `
import fcntl, os, subprocess, sys, time
read, write = os.pipe()
fcntl.fcntl(write, 1031, 4096)
run = subprocess.Popen(sys.argv[2:], stderr=write)
os.close(write)
while not os.path.exists(sys.argv[1]): time.sleep(0.05)
while os.read(read, 1 << 16): pass
sys.exit(run.wait())`
  const child = Bun.spawn(
    [
      ...['python3', '-c', reader, table, process.execPath, join(repository, 'src/cli/main.ts')],
      ...smallRun(folder.path, output),
    ],
    { stdin: 'ignore', stdout: 'ignore', stderr: 'inherit' },
  )
  expect(await child.exited).toBe(0)
  expect(differences(outputs(output), expected)).toEqual([])
})

test('a command whose reader has gone does all of its work', async () => {
  const copy = folder.join('copy')
  cpSync(folder.join('undisturbed'), copy, { recursive: true })
  const vectors = () =>
    readdirSync(copy, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.pt'))
  expect(vectors().length).toBeGreaterThan(20)
  const command = [process.execPath, join(repository, 'src/cli/main.ts'), 'checkpoints', 'clean', copy]
  // The shell names the exit code of the command, not that of its reader.
  const line = '"$@" --intermediates | true; exit $PIPESTATUS'
  const child = Bun.spawn(['bash', '-c', line, 'bash', ...command], { stdin: 'ignore', stderr: 'ignore' })
  expect(await child.exited).toBe(0)
  expect(vectors()).toEqual([])
  const nothing = await virnucpro(['checkpoints', 'clean', copy, '--intermediates'])
  expect(nothing.stderr).toContain('removed 0')
})
