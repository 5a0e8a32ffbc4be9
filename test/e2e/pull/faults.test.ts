import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { brokenOff, fileAnswer, type Mirror, startMirror } from '../../support/mirror.ts'
import { shell } from '../cli/support.ts'
import { filesBelow, pull, temporaryFolder, torchFile } from './support.ts'

const FILE = '/500_model.pth'
const content = await torchFile(5)
const startWithFile = () => startMirror({ [FILE]: content })
const from = (mirror: Mirror, ...more: string[]) => ['500', '--from', mirror.url, '-o', 'w', ...more]

/** What the first request for the file says about it. */
const isFirst = (range: string | null) => range === 'bytes=0-0'

test('a file comes over several connections, in ranges', async () => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  expect((await pull(folder, from(mirror))).code).toBe(0)
  expect(Buffer.compare(readFileSync(folder.join('w/500_model.pth')), content)).toBe(0)
  expect(filesBelow(folder.join('w'))).toEqual(['500_model.pth'])
  const ranges = mirror.requests.map(({ range }) => range).filter((range) => !isFirst(range))
  expect(ranges.length).toBeGreaterThan(3)
  expect(new Set(ranges).size).toBe(ranges.length)
})

test('cut connections, a busy server and errors of a server are outlasted', async () => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  mirror.behave = ({ range }, times) => {
    if (times === 0) return new Response('slow down', { status: 429, headers: { 'retry-after': '1' } })
    if (times === 2) return new Response('oops', { status: 500 })
    if (times === 3) return brokenOff(content, range, 100_000, 'cut')
    if (times === 5) return new Response('restarting', { status: 503 })
    return undefined
  }
  const began = performance.now()
  const { code, stderr } = await pull(folder, from(mirror))
  expect(code).toBe(0)
  expect(performance.now() - began).toBeGreaterThan(1000)
  expect(stderr).toContain('answered 429; trying again in 1.0 s')
  expect(stderr).toContain('the connection was cut; trying again')
  expect(Buffer.compare(readFileSync(folder.join('w/500_model.pth')), content)).toBe(0)
})

test('a server that is silent is given up after --timeout, and what came is kept', async () => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  mirror.behave = ({ range }, times) =>
    times > 1 ? brokenOff(content, range, 400_000, 'silence') : undefined
  const words = from(mirror, '--timeout', '1', '--retries', '0', '--connections', '1')
  const silent = await pull(folder, words)
  expect(silent.stderr).toMatch(/nothing came for 1 s; what has come is kept\n$/)
  expect(silent).toMatchObject({ code: 75, stdout: '' })
  expect(existsSync(folder.join('w/500_model.pth'))).toBe(false)
  mirror.behave = () => undefined
  const before = mirror.requests.length
  expect((await pull(folder, words)).code).toBe(0)
  const asked = mirror.requests.slice(before).map(({ range }) => range)
  expect(asked).not.toContain('bytes=0-1048575')
  expect(Buffer.compare(readFileSync(folder.join('w/500_model.pth')), content)).toBe(0)
})

test('a slow server is no silent one', async () => {
  using folder = temporaryFolder()
  await using mirror = startMirror({ [FILE]: await torchFile(1) })
  mirror.speed = 500_000
  const { code, stderr } = await pull(folder, from(mirror, '--timeout', '1', '--retries', '0'))
  expect(stderr).not.toContain('nothing came')
  expect(code).toBe(0)
})

test('a server without ranges sends the whole, and again after a cut', async () => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  mirror.hasRanges = false
  mirror.behave = (_, times) => (times === 1 ? brokenOff(content, null, 2_000_000, 'cut') : undefined)
  const { code, stderr } = await pull(folder, from(mirror))
  expect(stderr).toContain('the connection was cut; trying again')
  expect(code).toBe(0)
  expect(Buffer.compare(readFileSync(folder.join('w/500_model.pth')), content)).toBe(0)
})

test('a server that does not say how large small files are', async () => {
  using folder = temporaryFolder()
  await using hub = startHub(() => content)
  const usual = hub.behave
  hub.behave = async (seen, times) => {
    const answer = await usual(seen, times)
    return seen.path.endsWith('.json')
      ? new Response(answer?.body?.pipeThrough(new TransformStream()))
      : answer
  }
  expect((await pull(folder, ['dnabert_s', '-o', 'w'], { HF_ENDPOINT: hub.url })).code).toBe(0)
  expect(filesBelow(folder.join('w'))).toHaveLength(3)

  await using mirror = startMirror({ '/DNABERT-S/pytorch_model.bin': content })
  mirror.behave = ({ path }) =>
    path.endsWith('.json')
      ? new Response(new Blob(['{"a":1}']).stream().pipeThrough(new TransformStream()))
      : undefined
  expect((await pull(folder, ['dnabert_s', '--from', mirror.url, '-o', 'v'])).code).toBe(0)
  expect(readFileSync(folder.join('v/DNABERT-S/config.json'), 'utf8')).toBe('{"a":1}')
})

const answers: readonly [name: string, answer: () => Response, code: number, said: RegExp][] = [
  ['nothing there', () => new Response('', { status: 404 }), 66, /answered 404: there is no .*--from takes/],
  ['no permission', () => new Response('', { status: 403 }), 69, /answered 403: .*HF_TOKEN/],
  ['a teapot', () => new Response('', { status: 418 }), 69, /answered 418 to the request/],
  ['always busy', () => new Response('', { status: 503 }), 69, /answered 503\. --from/],
  [
    'busy for an hour',
    () => new Response('', { status: 429, headers: { 'retry-after': '3600' } }),
    75,
    /answered 429 and asks to wait 3600 s/,
  ],
  [
    'a login page',
    () => new Response('<html>', { headers: { 'content-type': 'text/html; charset=utf-8' } }),
    69,
    /a web page came in place of the file/,
  ],
  [
    'a file compressed on the way',
    () => new Response(gzipSync(content), { headers: { 'content-encoding': 'gzip' } }),
    69,
    /compresses the file \(gzip\)/,
  ],
  ['redirects in a circle', () => Response.redirect(FILE, 302), 69, /redirects in a circle/],
  [
    'a redirect to a file',
    () => new Response('', { status: 302, headers: { location: 'file:///etc/passwd' } }),
    69,
    /refused a redirect/,
  ],
  ['an empty file', () => new Response('', { status: 416 }), 66, /is empty/],
  [
    'a file too large for any disk',
    () => new Response('a', { status: 206, headers: { 'content-range': 'bytes 0-0/9000000000000000' } }),
    74,
    /the disk is too small: 9 PB are to come, and .* are free\. Free some/,
  ],
]

test.each(answers)('%s is one clear error, and nothing is written', async (_, answer, code, said) => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  mirror.behave = () => answer()
  const result = await pull(folder, from(mirror, '--retries', '1'))
  expect(result.stderr).toMatch(said)
  expect(result.stderr.match(/^error: /gm)).toHaveLength(1)
  expect(result).toMatchObject({ code, stdout: '' })
  expect(existsSync(folder.join('w'))).toBe(false)
})

test('nobody there, and no such host', async () => {
  using folder = temporaryFolder()
  const where = (url: string) => pull(folder, ['500', '--from', url, '--retries', '0'])
  expect((await where('http://127.0.0.1:1/')).stderr).toContain('no connection: nothing answers there')
  const { code, stderr } = await where('http://no.such.host.invalid/')
  expect(stderr).toMatch(/no\.such\.host\.invalid.*--from takes models/)
  expect(code).toBe(69)
})

/** A hub whose file may be another than the published one. */
function startHub(served: (times: number) => Uint8Array, bytes = content.length) {
  const hub = startMirror()
  const text = Buffer.from('{"a":1}')
  const git = createHash('sha1').update('blob 7\0{"a":1}').digest('hex')
  const siblings = [
    ...['config.json', 'tokenizer.json'].map((rfilename) => ({ rfilename, size: 7, blobId: git })),
    {
      rfilename: 'pytorch_model.bin',
      size: bytes,
      lfs: { sha256: createHash('sha256').update(content).digest('hex') },
    },
  ]
  hub.behave = ({ path, range }, times) => {
    if (path.startsWith('/api/')) return Response.json({ sha: 'a'.repeat(40), siblings })
    return fileAnswer(path.endsWith('.bin') ? served(times) : text, path.endsWith('.bin') ? range : null)
  }
  return hub
}

test('corrupt bytes are downloaded once more', async () => {
  using folder = temporaryFolder()
  const flipped = content.slice()
  flipped[3_000_000] = (flipped[3_000_000] ?? 0) ^ 1
  await using hub = startHub((times) => (times < 6 ? flipped : content))
  const { code, stderr } = await pull(folder, ['dnabert_s', '-o', 'w'], { HF_ENDPOINT: hub.url })
  expect(stderr).toMatch(/its SHA-256 is [0-9a-f]{64}, but [0-9a-f]{64} was published; starting over/)
  expect(code).toBe(0)
  expect(Buffer.compare(readFileSync(folder.join('w/DNABERT-S/pytorch_model.bin')), content)).toBe(0)
})

test('bytes that stay corrupt are refused, with a published digest and with the checksums of the file', async () => {
  using folder = temporaryFolder()
  const flipped = content.slice()
  flipped[3_000_000] = (flipped[3_000_000] ?? 0) ^ 1
  await using hub = startHub(() => flipped)
  const published = await pull(folder, ['dnabert_s', '-o', 'w'], { HF_ENDPOINT: hub.url })
  expect(published).toMatchObject({ code: 65, stdout: '' })
  expect(published.stderr).toMatch(/was published, twice\. Nothing of it was kept\.\n$/)
  expect(filesBelow(folder.join('w'))).toEqual(['DNABERT-S/config.json', 'DNABERT-S/tokenizer.json'])

  await using mirror = startMirror({ [FILE]: flipped, '/300_model.pth': Buffer.from('<html>no</html>') })
  const own = await pull(folder, from(mirror))
  expect(own.code).toBe(65)
  expect(own.stderr).toMatch(/the checksum of member .* is/)
  const page = await pull(folder, ['300', '--from', mirror.url, '-o', 'w'])
  expect(page.code).toBe(65)
  expect(page.stderr).toContain('is a web page')
  expect(filesBelow(folder.join('w'))).toHaveLength(2)
})

test('a size that is not the published one is refused before anything is downloaded', async () => {
  using folder = temporaryFolder()
  await using hub = startHub(() => content, content.length + 1)
  const { code, stderr } = await pull(folder, ['dnabert_s', '-o', 'w'], { HF_ENDPOINT: hub.url })
  expect(code).toBe(69)
  expect(stderr).toMatch(/the server has \d+ bytes, but \d+ were published/)
})

test('other bytes than those asked for, fewer or more, are noticed', async () => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  mirror.behave = ({ range }) => (isFirst(range) ? undefined : fileAnswer(content, 'bytes=5-1048580'))
  const others = await pull(folder, from(mirror))
  expect(others.code).toBe(69)
  expect(others.stderr).toContain('and the server sent others')

  mirror.behave = ({ range }, times) => {
    if (isFirst(range) || times % 2 === 0) return undefined
    const [, start = 0, end = 0] = /(\d+)-(\d+)/.exec(range ?? '')?.map(Number) ?? []
    const headers = { 'content-range': `bytes ${start}-${end}/${content.length}` }
    return new Response(content.subarray(start, end - 10), { status: 206, headers })
  }
  const { code, stderr } = await pull(folder, from(mirror))
  expect(stderr).toContain('bytes too few came; trying again')
  expect(code).toBe(0)
})

test('a file that is replaced at the server in between starts over', async () => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  const other = await torchFile(4)
  mirror.behave = ({ range }) => {
    if (isFirst(range)) return undefined
    mirror.files.set(FILE, other)
    return new Response(other, { headers: { etag: '"other"' } })
  }
  const replaced = await pull(folder, from(mirror))
  expect(replaced.stderr).toContain('was changed at the server while it was being downloaded')
  expect(replaced.code).toBe(75)
  mirror.behave = () => undefined
  expect((await pull(folder, from(mirror))).code).toBe(0)
  expect(Buffer.compare(readFileSync(folder.join('w/500_model.pth')), other)).toBe(0)
})

test('a record that is damaged or of another file is not believed', async () => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  mkdirSync(folder.join('w'))
  for (const record of ['{', '{"source":"x","pieceBytes":5000000,"filled":[5000000]}']) {
    writeFileSync(folder.join('w/500_model.pth.incomplete'), Buffer.alloc(content.length))
    writeFileSync(folder.join('w/500_model.pth.incomplete.json'), record)
    expect((await pull(folder, from(mirror, '--force'))).code).toBe(0)
    expect(Buffer.compare(readFileSync(folder.join('w/500_model.pth')), content)).toBe(0)
    expect(filesBelow(folder.join('w'))).toEqual(['500_model.pth'])
  }
})

test('a file that cannot grow is one error, and the next call goes on', async () => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  const words = from(mirror).join(' ')
  const limited = await shell(`trap '' XFSZ; ulimit -f 1000; virnucpro models pull ${words}`, folder.path)
  expect(limited.err).toMatch(/error: cannot write w\/500_model\.pth\.incomplete: /)
  expect(limited.code).toBe(74)
  expect((await pull(folder, from(mirror))).code).toBe(0)
  expect(filesBelow(folder.join('w'))).toEqual(['500_model.pth'])
})

test('a folder that may not be written to is one error', async () => {
  using folder = temporaryFolder()
  await using mirror = startWithFile()
  writeFileSync(folder.join('w'), 'a file')
  const { code, stderr } = await pull(folder, from(mirror))
  expect(stderr.match(/^error: /gm)).toHaveLength(1)
  expect([66, 73]).toContain(code)
})
