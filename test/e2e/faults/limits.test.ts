import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { SEED } from '../../support/faults/seed.ts'
import { drawing, expectInWords, goesOn, run, smallRun, undisturbed } from './disturbed.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
const { below } = drawing('limits')
let expected: Map<string, Buffer>

beforeAll(async () => {
  const output = folder.join('undisturbed')
  expected = await undisturbed(smallRun(folder.path, output), output)
})
afterAll(() => folder[Symbol.asyncDispose]())

test('with too few files open a run says so, wherever it comes to the limit, and goes on with more', async () => {
  const output = folder.join('files')
  const words = smallRun(folder.path, output)
  // The fewest with which Bun itself starts; then where modules, weights, scores and tables are opened.
  for (const most of [10 + below(2), 12 + below(3), 15 + below(2), 17 + below(2)]) {
    const ended = await run(words, { shell: `ulimit -n ${most}` })
    if (ended.code === 0) break
    expectInWords(ended, 75, 'this process has too many files open; raise the limit (ulimit -n)')
  }
  await goesOn(words, output, expected)
})

test('with too few processes a run says so, and does not blame its models', async () => {
  // A user of its own: the limit counts all that a user runs.
  const isRoot = process.getuid?.() === 0
  const uid = 200_000 + (SEED % 100_000)
  const own = folder.join('processes')
  mkdirSync(own)
  const words = smallRun(own, `${own}/output`)
  if (isRoot) for (const path of [own, `${own}/reads.fa`]) chownSync(path, uid, uid)
  chmodSync(folder.path, 0o755)
  const user = isRoot ? ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'] : []
  const env = { HOME: own, VIRNUCPRO_HOME: `${own}/home`, XDG_RUNTIME_DIR: `${own}/none` }
  const used = isRoot ? 0 : threadsOfThisUser()
  for (let most = 6; ; most++) {
    const within = [...user, 'bash', '-c', `ulimit -u ${used + most}; exec "$@"`, 'bash']
    const ended = await run(words, { within, env })
    if (ended.code === 0) break
    // With even less Bun itself does not start, and ends with a report of its own.
    if (ended.signal !== 'SIGABRT' && ended.code !== 134)
      expectInWords(ended, 75, /no more processes or memory to give; end other programs or raise the limit/)
    expect(ended.messages).not.toContain('Import the models again')
    expect(most).toBeLessThan(200)
  }
  await goesOn(words, `${own}/output`, expected, { within: user, env })
})

function threadsOfThisUser(): number {
  const { stdout } = Bun.spawnSync(['ps', '-L', '-U', String(process.getuid?.()), '-o', 'lwp='])
  return stdout.toString().trim().split('\n').length
}

test('with too little memory a run stops in words or is ended by the system, and goes on with more', async () => {
  const output = folder.join('memory')
  const words = smallRun(folder.path, output)
  for (let i = 0; i < 3; i++) {
    // In KiB of addresses, of which Bun takes more than it uses.
    const ended = await run(words, { shell: `ulimit -c 0; ulimit -v ${1_200_000 + below(2_400_000)}` })
    if (ended.code === 0) break
    expect(ended.messages).not.toContain('Import the models again')
    if (ended.signal === undefined && ended.code < 128)
      expectInWords(
        ended,
        75,
        /there is no memory left|raise the limit of memory|no more processes or memory/,
      )
  }
  await goesOn(words, output, expected)
})
