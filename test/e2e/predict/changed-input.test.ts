import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { predictHere, stopWhen } from './resume-inprocess.ts'
import { differences, outputs, repository } from './resume-support.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
const TAIL = `>tail\n${'GCTGCAGCC'.repeat(20)}\n`
// Frames for several windows; then more bytes without a frame than are read ahead, so that the end is read late.
const text = `${randomFasta(5, 3900, 60)}>filler\n${'TAACTAACTAA'.repeat(70_000)}\n${TAIL}`
const OPTIONS = {
  sequencesPerFile: 2500,
  keepIntermediate: false,
  esmTokenBudget: 8192,
  dnabertTokenBudget: 8192,
  report: false,
  metrics: false,
} as const
let expected: Map<string, Buffer>

beforeAll(async () => {
  writeFileSync(folder.join('reads.fa'), text)
  const { error } = await predictHere(folder.join('reads.fa'), folder.join('straight'), OPTIONS)
  expect(error).toBeUndefined()
  expected = outputs(folder.join('straight'))
})
afterAll(() => folder[Symbol.asyncDispose]())

const next = randomSource(11)

const CHANGES: Record<string, (path: string) => void> = {
  'appended to': (path) => appendFileSync(path, `>more\n${'ACG'.repeat(60)}\n`),
  'cut off': (path) => truncateSync(path, text.length - 40),
  replaced(path) {
    writeFileSync(`${path}.new`, text.replace('>tail\nGCTG', '>tail\nGCTA'))
    renameSync(`${path}.new`, path)
  },
  'changed in place, with its times put back'(path) {
    const { atime, mtime } = statSync(path)
    const file = openSync(path, 'r+')
    writeSync(file, 'A', text.indexOf(TAIL) + 9)
    closeSync(file)
    utimesSync(path, atime, mtime)
  },
  emptied: (path) => truncateSync(path, 0),
}

test.each(Object.keys(CHANGES))('an input that is %s while the run is under way ends it', async (name) => {
  const path = folder.join(`${name.replaceAll(/\W/g, '_')}`, 'reads.fa')
  await Bun.write(path, text)
  const output = join(path, '..', 'out')
  const manifest = join(output, '.virnucpro', 'reads', 'run.json')
  const wait = next() * 300
  const changed = (async () => {
    while (!existsSync(manifest)) await Bun.sleep(1)
    await Bun.sleep(wait)
    CHANGES[name]?.(path)
  })()
  const { error } = await predictHere(path, output, OPTIONS)
  await changed
  expect(`${error?.message} (after ${wait} ms)`).toContain(
    `the input ${path} has changed since the run began`,
  )
  expect((error as { kind?: string }).kind).toBe('badData')
  expect(outputs(output).size).toBe(0)
  expect(JSON.parse(readFileSync(manifest, 'utf8')).status).toBe('unfinished')

  // The new content is refused; with the old one the run goes on.
  expect((await predictHere(path, output, OPTIONS)).error?.message).toContain(`input: ${path} (`)
  if (name !== 'replaced') return
  writeFileSync(path, text)
  const again = await predictHere(path, output, OPTIONS)
  expect(again.error).toBeUndefined()
  expect(differences(outputs(output), expected)).toEqual([])
})

test('an input that was only touched, or is gone once it has been read, stands in the way of nothing', async () => {
  for (const [name, change] of [
    ['touched', (path: string) => utimesSync(path, 1, 1)],
    ['removed', (path: string) => rmSync(path)],
  ] as const) {
    const path = folder.join(name, 'reads.fa')
    await Bun.write(path, randomFasta(3, 40))
    let seen = false
    const output = folder.join(name, 'out')
    const { error } = await predictHere(
      path,
      output,
      { report: false },
      stopWhen(() => {
        if (!seen && existsSync(join(output, '.virnucpro/reads/work/part_000001.scores'))) {
          seen = true
          change(path)
        }
        return false
      }),
    )
    expect(error).toBeUndefined()
    expect(seen).toBe(true)
  }
})

/** A run over standard input. */
function piped(output: string) {
  const words = `predict - -o ${output} --bundle demo -e 300 --sequences-per-file 1000 --token-budget 8192 --no-report --no-metrics`
  return Bun.spawn([process.execPath, join(repository, 'src/cli/main.ts'), ...words.split(' ')], {
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'pipe',
  })
}

async function whole(output: string, content: string) {
  const child = piped(output)
  child.stdin.write(content)
  child.stdin.end()
  const messages = await new Response(child.stderr).text()
  return { code: await child.exited, messages }
}

test.each([
  ['before all of it was read', false],
  ['after all of it was read', true],
])(
  'a run over a stream, killed %s, goes on with the same bytes and loses nothing to others',
  async (name, ended) => {
    const [first, second] = [
      randomFasta(7, ended ? 2000 : 3800, 60),
      randomFasta(8, 300, 60).replaceAll('>r', '>s'),
    ]
    // A record as large as what is read at once, without a frame.
    const filler = `>filler\n${'TAACTAACTAA'.repeat(400_000)}\n`
    const content = ended ? first : first + filler + second
    const straight = folder.join(`${name} straight`)
    const output = folder.join(name.replaceAll(' ', '_'))
    expect((await whole(straight.replaceAll(' ', '_'), content)).code).toBe(0)

    const child = piped(output)
    child.stdin.write(ended ? content : content.slice(0, content.indexOf('>s1\n')))
    if (ended) child.stdin.end()
    else await child.stdin.flush()
    const work = join(output, '.virnucpro/stdin/work')
    while (!existsSync(join(work, 'part_000003.scores'))) await Bun.sleep(2)
    child.kill('SIGKILL')
    await child.exited
    const kept = readdirSync(work).filter((file) => file.endsWith('.scores'))

    const others = {
      'the same ids, another base': content.replace(/^[ACG]/m, 'T'),
      'less of it': content.slice(0, content.indexOf('>r200\n')),
      ...(ended && { 'more of it': `${content}${TAIL}` }),
    }
    for (const [what, other] of Object.entries(others)) {
      const { code, messages } = await whole(output, other)
      expect({ what, code, messages }).toMatchObject({ what, code: 64 })
      expect(messages).toContain('--force')
      expect(readdirSync(work)).toEqual(expect.arrayContaining(kept))
    }
    const again = await whole(output, content)
    expect(again.code).toBe(0)
    expect(again.messages).toMatch(/\d+ frames were already done/)
    expect(differences(outputs(output), outputs(straight.replaceAll(' ', '_')))).toEqual([])
  },
)

test('parts that were computed from other content are computed again', async () => {
  // As where a file was changed while it was read, and put back before the run went on.
  const path = folder.join('put_back', 'reads.fa')
  const content = randomFasta(9, 40)
  await Bun.write(path, content)
  const output = folder.join('put_back', 'out')
  const scores = join(output, '.virnucpro/reads/work/part_000006.scores')
  const straight = await predictHere(path, folder.join('put_back', 'straight'), { report: false })
  expect(straight.error).toBeUndefined()
  const other = folder.join('put_back_other', 'reads.fa')
  await Bun.write(other, content.replaceAll(/^[ACG]/gm, 'T'))
  const stop = (file: string) => stopWhen(() => existsSync(file))
  await predictHere(path, output, { report: false }, stop(scores))
  await predictHere(
    other,
    folder.join('put_back_other', 'out'),
    { report: false },
    stop(scores.replace('put_back', 'put_back_other')),
  )
  for (const name of readdirSync(join(scores, '..')).filter((file) => file.endsWith('.scores'))) {
    const own = join(scores, '..', name)
    const foreign = own.replace('put_back', 'put_back_other')
    // One of the two may have finished a part more before it stopped.
    if (existsSync(foreign)) cpSync(foreign, own)
  }
  const { error, log } = await predictHere(path, output, { report: false })
  expect(error).toBeUndefined()
  expect(log).toContain('part 1 was computed from another content of the input')
  expect(differences(outputs(output), outputs(folder.join('put_back', 'straight')))).toEqual([])
})
