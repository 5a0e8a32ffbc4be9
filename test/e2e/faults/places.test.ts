import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { differences, outputs } from '../predict/resume-support.ts'
import { begin, drawing, expectInWords, goesOn, run, smallRun, undisturbed } from './disturbed.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
const { below, oneOf, shuffled } = drawing('places')
let expected: Map<string, Buffer>

beforeAll(async () => {
  const output = folder.join('undisturbed')
  expected = await undisturbed(smallRun(folder.path, output), output)
})
afterAll(() => folder[Symbol.asyncDispose]())

const NAMES = [
  'with blank',
  `quo'te"s`,
  'new\nline',
  'emoji 🧬 ü',
  '100%s%n',
  'star*[a-z]?',
  '-dash',
  '~$HOME`x`',
  'a&b;c|d #e',
  'tab\tcr\r\x1b[31mred',
  'u\u0308 in two letters',
  'C:\\x',
  'n'.repeat(200),
]
const LOCALES = ['C', 'POSIX', 'tr_TR.UTF-8', 'de_DE.ISO-8859-1', 'ar_EG.UTF-8', 'xx_YY.nonsense']
const ZONES = ['Asia/Kathmandu', 'Nonsense/Zone', '', 'UTC+25', ':/etc/passwd']
const TEMPORARY = ['relative', '/no/such/folder', '', '/etc/passwd']
const HOMES = ['relative', '/no/such/home', '', '/etc/passwd']

/** The files under the names that they have for `reads`; the notice about the demonstration has names inside. */
function asReads(files: ReadonlyMap<string, Buffer>, stem: string): Record<string, string> {
  const tables = [...files].filter(([name]) => !name.endsWith('DEMONSTRATION.txt'))
  return Object.fromEntries(
    tables.map(([name, bytes]) => [name.replaceAll(stem, 'reads'), Bun.hash(bytes).toString()]),
  )
}

test('locales, time zones, homes and names that nobody expects change no byte of the results', async () => {
  const names = shuffled(NAMES)
  for (const [i, name] of names.slice(0, 4).entries()) {
    const [stem, cwd] = [names.at(-1 - i) ?? '', folder.join(name)]
    mkdirSync(cwd)
    const env = {
      LC_ALL: oneOf(LOCALES),
      TZ: oneOf(ZONES),
      TMPDIR: oneOf(TEMPORARY),
      HOME: oneOf(HOMES),
      VIRNUCPRO_HOME: '',
    }
    const words = smallRun(folder.path, '', join(cwd, `${stem}.fa`))
    // By a relative name, behind `--`, as one that begins with a dash has to be.
    const output = below(2) === 0 ? join(cwd, 'out') : 'out'
    const given = [words[0]!, ...words.slice(2), '--output-dir', output, '--', `${stem}.fa`].filter(
      (word, at, all) => word !== '' && !(word === '--output-dir' && all[at + 1] === ''),
    )
    const { code, messages } = await run(given, { cwd, env })
    expect({ env, name, stem, code, messages: code === 0 ? '' : messages }).toMatchObject({
      code: 0,
      messages: '',
    })
    expect(asReads(outputs(join(cwd, 'out')), stem)).toEqual(asReads(expected, 'reads'))
  }
})

test('a path of nearly 4,000 bytes is a path like any other', async () => {
  let deep = folder.join('deep')
  while (deep.length < 3700) deep = join(deep, 'x'.repeat(200))
  mkdirSync(deep, { recursive: true })
  const output = join(deep, 'out')
  await goesOn(smallRun(deep, output), output, expected)
})

interface Place {
  readonly root: string
  readonly cwd: string
  readonly output: string
}

/** What happens to folders in mid-run, and how they are put back. */
const MOVED: Record<string, (place: Place) => () => void> = {
  'the output folder is renamed': ({ output }) => away(output),
  'the output folder is removed'({ output }) {
    // Something of the run may come while it is being removed.
    while (existsSync(output)) rmSync(output, { recursive: true, force: true, maxRetries: 10 })
    return () => {}
  },
  'an empty folder takes the place of the output folder'({ output }) {
    const back = away(output)
    mkdirSync(output)
    return back
  },
  'the current folder is renamed': ({ cwd }) => away(cwd),
}

function away(path: string): () => void {
  renameSync(path, `${path}.away`)
  return () => {
    rmSync(path, { recursive: true, force: true })
    renameSync(`${path}.away`, path)
  }
}

/** A run in folders of its own, and the moment in its middle. */
async function inMidRun(name: string) {
  const root = folder.join(name.replaceAll(' ', '_'))
  rmSync(root, { recursive: true, force: true })
  const place = { root, cwd: join(root, 'cwd'), output: join(root, 'cwd', 'out') }
  for (const path of [place.cwd, join(root, 'tmp'), join(root, 'home')]) mkdirSync(path, { recursive: true })
  const words = smallRun(root, 'out')
  const options = {
    cwd: place.cwd,
    env: { TMPDIR: join(root, 'tmp'), VIRNUCPRO_HOME: join(root, 'home') },
  }
  const started = begin(words, options)
  await started.said('debug: computed ', 1 + below(20))
  return { place, words, options, started }
}

/** How a run ends whose folders are moved; one that has come to its end by then begins once more. */
async function disturbed(name: string) {
  for (;;) {
    const { started, ...run } = await inMidRun(name)
    const back = MOVED[name]!(run.place)
    const ended = await started.ended()
    if (ended.code !== 0) return { ...run, ended, back }
  }
}

test.each(Object.keys(MOVED))(
  '%s in mid-run: it stops in words, and goes on once all is back',
  async (name) => {
    const { place, words, options, ended, back } = await disturbed(name)
    // Who notices first: what guards the record, or the call for a file.
    expect([74, 75]).toContain(ended.code)
    expectInWords(ended, ended.code, /has vanished.* start the same command again/)
    // Nothing that is on no record was made where the folder was.
    if (existsSync(place.output)) expect([...outputs(place.output).keys()]).toEqual([])
    back()
    await goesOn(words, place.output, expected, options)
  },
)

test('the folders for temporary files and of the home are removed in mid-run: no matter', async () => {
  const { place, started } = await inMidRun('others')
  for (const name of ['tmp', 'home']) rmSync(join(place.root, name), { recursive: true, force: true })
  const { code, messages } = await started.ended()
  expect({ code, messages: code === 0 ? '' : messages }).toEqual({ code: 0, messages: '' })
  expect(differences(outputs(place.output), expected)).toEqual([])
})
