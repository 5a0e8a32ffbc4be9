import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository } from '../../support/cli.ts'

setDefaultTimeout(60_000)

const folder = temporaryFolder()
const TABLES = ['prediction_results.txt', 'prediction_results_highestscore.csv']
let expected: string[]

/** Runs a line of bash in which `predict` is the real command with the demonstration bundle. */
async function bash(line: string, env: Record<string, string> = {}) {
  const script = `predict() { "$BUN" "$MAIN" predict "$@" --bundle demo -e 300; }\n${line}`
  const child = Bun.spawn(['bash', '-c', script], {
    cwd: folder.path,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: {
      ...process.env,
      NO_COLOR: '1',
      BUN: process.execPath,
      MAIN: `${repository}/src/cli/main.ts`,
      ...env,
    },
  })
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  return { code, stderr }
}

function tables(output: string, stem: string): string[] {
  return TABLES.map((name) => readFileSync(folder.join(output, `${stem}_merged`, name), 'utf8'))
}

beforeAll(async () => {
  const [one, two] = [randomFasta(1, 12), randomFasta(2, 12).replaceAll('>', '>x')]
  for (const [name, text] of [
    ['in', one + two],
    ['one', one],
    ['two', two],
    ['other', one.replace(/^[ACGT]{4}/m, 'TGCA') + two],
  ] as const) {
    writeFileSync(folder.join(`${name}.fa`), text)
    writeFileSync(folder.join(`${name}.fa.gz`), gzipSync(text))
    writeFileSync(folder.join(`${name}.fa.zst`), zstdCompressSync(text))
  }
  expect((await bash('predict in.fa -o file')).code).toBe(0)
  expected = tables('file', 'in')
})
afterAll(() => folder[Symbol.asyncDispose]())

const FORMS: [line: string, stem: string][] = [
  ['cat in.fa | predict -', 'stdin'],
  ['cat in.fa.gz | predict /dev/stdin', 'stdin'],
  ['predict /dev/stdin < in.fa.zst', 'stdin'],
  ['predict <(cat in.fa.zst)', 'stdin'],
  ['predict --input <(cat in.fa.gz) --prefix named', 'named'],
  ['predict /dev/fd/9 9< <(cat in.fa)', 'stdin'],
  ['mkfifo p.fa && cat in.fa > p.fa & sleep 0.1; predict p.fa', 'p'],
  // The writer has come and gone before the program starts.
  ['mkfifo early && exec 9<> early && cat in.fa.gz >&9 && exec 8< early 9>&- && predict /dev/fd/8', 'stdin'],
  ['predict <(cat one.fa) <(cat two.fa.gz)', 'stdin'],
  ['cat two.fa | predict one.fa.zst -', 'one'],
  ['(sleep 0.3; head -c 2000 in.fa; sleep 0.3; tail -c +2001 in.fa) | predict -', 'stdin'],
]

test.each(FORMS)('%s gives the tables of the file', async (line, stem) => {
  const output = `form_${FORMS.findIndex((form) => form[0] === line)}`
  const { code, stderr } = await bash(line.replace(/predict( |$)/, `predict -o ${output} `))
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  expect(tables(output, stem)).toEqual(expected)
})

test('a finished run over a stream is told by its bytes; another is refused and loses nothing', async () => {
  expect((await bash('cat in.fa | predict - -o finished')).code).toBe(0)
  const again = await bash('cat in.fa | predict - -o finished')
  expect(again.code).toBe(0)
  expect(again.stderr).toContain('finished before')
  const other = await bash('cat other.fa | predict - -o finished')
  expect(other.code).toBe(64)
  expect(other.stderr).toMatch(/input: - \(\d+ bytes, sha256 \w+\) -> - \(\d+ bytes, sha256 \w+\)/)
  expect(tables('finished', 'stdin')).toEqual(expected)
})

test.each([
  ['predict <(false)', 'stdin'],
  ['gzip -c < /dev/null | predict -', 'stdin'],
  ['mkfifo none && : > none & sleep 0.1; predict none', 'none'],
])('%s: an empty stream is an error unless it is allowed', async (line, stem) => {
  const output = `empty_${Bun.hash(line)}`
  const refused = await bash(line.replace('predict', `predict -o ${output}`))
  expect(refused.code).toBe(65)
  expect(refused.stderr).toContain('--allow-empty')
  expect(existsSync(folder.join(output, `${stem}_merged`))).toBe(false)
  const allowed = await bash(
    line.replace('mkfifo none &&', '').replace('predict', `predict --allow-empty -o ${output}`),
  )
  expect(allowed.code).toBe(0)
  expect(allowed.stderr).toContain('an input without records')
  expect(tables(output, stem).map((text) => text.replace(/^# .*\n/, ''))).toEqual([
    'Sequence_ID\tPrediction\tscore1\tscore2\n',
    'Modified_ID\tIs_Virus\n',
  ])
})

test('the copy of a stream goes with the run after a kill, and is not in its way', async () => {
  const child = Bun.spawn(
    [
      process.execPath,
      `${repository}/src/cli/main.ts`,
      ...'predict - two.fa -o killed --bundle demo'.split(' '),
    ],
    { cwd: folder.path, stdin: 'pipe', stdout: 'ignore', stderr: 'ignore' },
  )
  child.stdin.write(readFileSync(folder.join('one.fa')))
  await child.stdin.flush()
  const copies = new Bun.Glob('killed/.virnucpro/stdin/work/.virnucpro-*')
  const left = () => [...copies.scanSync({ cwd: folder.path, dot: true })]
  const isCopied = () => left().some((path) => statSync(folder.join(path)).size > 0)
  while (!isCopied()) await Bun.sleep(10)
  child.kill('SIGKILL')
  await child.exited
  expect(left()).toHaveLength(1)
  const { code, stderr } = await bash('cat one.fa | predict - two.fa -o killed')
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  expect(tables('killed', 'stdin')).toEqual(expected)
  expect(left()).toEqual([])
})

test.each([
  ['predict /dev/zero', 66, /\/dev\/zero: this is a device/],
  ['predict /dev/null', 66, /\/dev\/null: this is a device/],
  ['predict .', 66, /this is a directory/],
  ['predict missing.fa', 66, /missing.fa: no such file/],
  ['predict /dev/fd/77', 66, /no such open file/],
  ['cat in.fa | predict - /dev/stdin', 64, /only once/],
  ['mkfifo twice && predict twice twice', 64, /a pipe can be given only once/],
])('%s is refused before anything is done', async (line, code, message) => {
  const result = await bash(line.replace(/predict /, 'predict -o refused '))
  expect(result.stderr).toMatch(message)
  expect(result.code).toBe(code)
  expect(existsSync(folder.join('refused'))).toBe(false)
})

test.each([
  ['INT', 130],
  ['TERM', 143],
])('SIG%s ends the wait for the writer of a pipe, and for one that says nothing', async (signal, code) => {
  const ending = `pid=$!; sleep 1.5; kill -${signal} $pid; wait $pid`
  const start = 'exec "$BUN" "$MAIN" predict --bundle demo -o'
  const lines = [
    `mkfifo alone_${signal}; (${start} waits_${signal} alone_${signal}) & ${ending}`,
    `mkfifo silent_${signal}; exec 9<> silent_${signal}; (${start} silent silent_${signal}) & ${ending}`,
    `(${start} mute - < <(exec sleep 20 2> /dev/null)) & ${ending}`,
  ]
  const begun = performance.now()
  const results = await Promise.all(lines.map((line) => bash(`set -m\n${line}`)))
  expect(results.map((result) => result.code)).toEqual([code, code, code])
  // 1.5 s of them are before the signal.
  expect(performance.now() - begun).toBeLessThan(1500 + 5000 + 5000)
})
