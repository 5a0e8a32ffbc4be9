import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { virnucpro } from '../../support/cli.ts'
import { fileAnswer, startMirror } from '../../support/mirror.ts'
import { filesBelow, pull, served, temporaryFolder, torchFile } from './support.ts'

const TINY = join(import.meta.dir, '../../data/tiny/models')
const tiny = (...parts: string[]) => readFileSync(join(TINY, ...parts))

const published = () => ({
  '/pub/esm2_t6_8M_UR50D.pt': tiny('esm2_t2_tiny.pt'),
  '/pub/500_model.pth': tiny('500_model.pth'),
  '/pub/300_model.pth': tiny('500_model.pth'),
  ...served(join(TINY, 'dnabert_s_tiny'), '/pub/DNABERT-S'),
})

/** A repository as Hugging Face lists it. */
function listing(commit: string, files: ReadonlyMap<string, Uint8Array>) {
  const siblings = [...files].map(([rfilename, content]) => {
    const git = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
    const sha256 = createHash('sha256').update(content).digest('hex')
    const lfs = /\.(bin|safetensors)$/.test(rfilename) ? { lfs: { sha256, size: content.length } } : {}
    return { rfilename, size: content.length, blobId: git, ...lfs }
  })
  return { sha: commit, siblings }
}

const COMMIT = 'c'.repeat(40)

/** A hub with the tiny DNABERT-S, and code beside it that nobody should ask for. */
function startHub() {
  const names = ['config.json', 'tokenizer.json', 'pytorch_model.bin', 'model.safetensors']
  const files = new Map<string, Uint8Array>(names.map((name) => [name, tiny('dnabert_s_tiny', name)]))
  files.set('bert_layers.py', Buffer.from('raise SystemExit'))
  const hub = startMirror()
  const api = Buffer.from(JSON.stringify(listing(COMMIT, files)))
  hub.behave = ({ path, range }) => {
    if (path.startsWith('/api/models/zhihan1996/DNABERT-S/revision/main')) return new Response(api)
    const name = path.replace(`/zhihan1996/DNABERT-S/resolve/${COMMIT}/`, '')
    const content = files.get(name)
    return content && name !== path ? fileAnswer(content, range) : undefined
  }
  return Object.assign(hub, { content: files })
}

test('what a mirror has is brought to the home and makes a bundle', async () => {
  using folder = temporaryFolder()
  await using mirror = startMirror(published())
  const words = ['esm2:8M', 'dnabert_s', '300', '500']
  const env = { VIRNUCPRO_HOME: folder.join('home') }
  const looked = await pull(folder, [...words, '--from', `${mirror.url}/pub`, '--dry-run'], env)
  expect(looked).toMatchObject({ code: 0, stdout: '' })
  expect(looked.stderr).toMatch(/dnabert_s: 3 files, 215 kB, from 127\.0\.0\.1:\d+, licence Apache-2\.0, to /)
  expect(looked.stderr).toMatch(/needed in .*: 389 kB; free there: /)
  expect(existsSync(folder.join('home'))).toBe(false)

  const pulled = await pull(folder, [...words, '--from', `${mirror.url}/pub`], env)
  expect(pulled.code).toBe(0)
  const paths = Object.fromEntries(
    pulled.stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t')),
  )
  expect(paths).toEqual({
    'esm2:8M': folder.join('home/weights/esm2_t6_8M_UR50D.pt'),
    dnabert_s: folder.join('home/weights/DNABERT-S'),
    '300': folder.join('home/weights/300_model.pth'),
    '500': folder.join('home/weights/500_model.pth'),
  })
  expect(filesBelow(folder.join('home'))).toEqual([
    'weights/300_model.pth',
    'weights/500_model.pth',
    'weights/DNABERT-S/config.json',
    'weights/DNABERT-S/model.safetensors',
    'weights/DNABERT-S/tokenizer.json',
    'weights/esm2_t6_8M_UR50D.pt',
  ])
  expect(pulled.stderr).not.toContain('VIRNUCPRO_HOME')
  const command = /virnucpro (models import .*)/.exec(pulled.stderr)?.[1]?.split(' ') ?? []
  const made = await virnucpro(command, folder.path, env)
  expect(made).toMatchObject({ code: 0 })
  for (const length of [300, 500])
    expect(made.stderr).toContain(`the classifier ${length}_model.pth is for chunks of ${length} bases`)

  mirror.requests.length = 0
  const again = await pull(folder, words, env)
  expect(again).toMatchObject({ code: 0, stdout: pulled.stdout })
  expect(again.stderr).toContain('is there already')
  expect(mirror.requests).toEqual([])
})

test('without VIRNUCPRO_HOME the home is in the folder for data', async () => {
  using folder = temporaryFolder()
  await using mirror = startMirror(published())
  const from = ['500', '--from', `${mirror.url}/pub`]
  const usual = await pull(folder, from)
  if (process.platform === 'linux')
    expect(usual.stdout).toBe(`500\t${folder.join('.local/share/virnucpro/weights/500_model.pth')}\n`)
  const named = await pull(folder, from, { XDG_DATA_HOME: folder.join('data') })
  if (process.platform === 'linux')
    expect(named.stdout).toBe(`500\t${folder.join('data/virnucpro/weights/500_model.pth')}\n`)
})

test('a repository of Hugging Face comes as one commit, compared with what was published, and without code', async () => {
  using folder = temporaryFolder()
  await using hub = startHub()
  const env = { HF_ENDPOINT: hub.url, HF_TOKEN: 'hf_secretsecret' }
  const pulled = await pull(folder, ['zhihan1996/DNABERT-S', '-o', 'w'], env)
  expect(pulled).toMatchObject({ code: 0, stdout: 'dnabert_s\tw/DNABERT-S\n' })
  expect(filesBelow(folder.join('w'))).toEqual(
    ['config.json', 'model.safetensors', 'tokenizer.json'].map((name) => `DNABERT-S/${name}`),
  )
  expect(readFileSync(folder.join('w/DNABERT-S/tokenizer.json'))).toEqual(
    tiny('dnabert_s_tiny', 'tokenizer.json'),
  )
  expect(hub.requests.some(({ path }) => path.includes('.py'))).toBe(false)
  expect(new Set(hub.requests.map(({ authorization }) => authorization))).toEqual(
    new Set(['Bearer hf_secretsecret']),
  )
})

test('the token of Hugging Face never goes to another host, and is never shown', async () => {
  using folder = temporaryFolder()
  await using store = startMirror({ '/blob': tiny('dnabert_s_tiny', 'model.safetensors') })
  await using hub = startHub()
  const usual = hub.behave
  hub.behave = (seen, times) =>
    seen.path.endsWith('/model.safetensors')
      ? Response.redirect(`${store.url}/blob?signature=abc`, 302)
      : usual(seen, times)
  const env = { HF_ENDPOINT: hub.url, HF_TOKEN: 'hf_secretsecret' }
  const log = folder.join('log')
  const pulled = await pull(folder, ['dnabert_s', '-o', 'w', '-v', '-l', log], env)
  expect(pulled.code).toBe(0)
  expect(store.requests.length).toBeGreaterThan(1)
  expect(store.requests.map(({ authorization }) => authorization)).toEqual(store.requests.map(() => null))

  hub.behave = () => new Response('who are you, Bearer hf_secretsecret?', { status: 401 })
  const refused = await pull(folder, ['dnabert_s', '-o', 'v', '-v', '-l', log], env)
  expect(refused.code).toBe(69)
  expect(refused.stderr).toMatch(/answered 401: .*HF_TOKEN is what/)
  expect(refused.stderr + pulled.stderr + readFileSync(log, 'utf8')).not.toContain('secretsecret')
})

test('a mirror of Hugging Face without lists, and weights in shards', async () => {
  using folder = temporaryFolder()
  const weights = tiny('dnabert_s_tiny', 'model.safetensors')
  const at = '/facebook/esm2_t36_3B_UR50D/resolve/main'
  const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
  const map = { weight_map: { a: shards[0], b: shards[1], c: '../../escape.bin' } }
  await using mirror = startMirror({
    [`${at}/config.json`]: Buffer.from('{}'),
    [`${at}/model.safetensors.index.json`]: Buffer.from(JSON.stringify(map)),
    ...Object.fromEntries(shards.map((name) => [`${at}/${name}`, weights])),
  })
  const pulled = await pull(folder, ['facebook/esm2_t36_3B_UR50D', '-o', 'w'], { HF_ENDPOINT: mirror.url })
  expect(pulled.code).toBe(0)
  expect(filesBelow(folder.join('w'))).toEqual(
    ['config.json', ...shards, 'model.safetensors.index.json'].map((name) => `esm2_t36_3B_UR50D/${name}`),
  )
})

/** A cache as Python's huggingface_hub leaves it: snapshots of links to blobs. */
function fillHubCache(cache: string, names: readonly string[]): string {
  const model = join(cache, 'models--zhihan1996--DNABERT-S')
  const snapshot = join(model, 'snapshots', COMMIT)
  for (const each of [snapshot, join(model, 'blobs'), join(model, 'refs')])
    mkdirSync(each, { recursive: true })
  writeFileSync(join(model, 'refs/main'), COMMIT)
  for (const name of names) {
    writeFileSync(join(model, 'blobs', `b-${name}`), tiny('dnabert_s_tiny', name))
    symlinkSync(join('../../blobs', `b-${name}`), join(snapshot, name))
  }
  return snapshot
}

test('what other programs have downloaded is used where it lies', async () => {
  using folder = temporaryFolder()
  const snapshot = fillHubCache(folder.join('hf/hub'), ['config.json', 'tokenizer.json', 'pytorch_model.bin'])
  const torch = folder.join('.cache/torch/hub/checkpoints')
  mkdirSync(torch, { recursive: true })
  writeFileSync(join(torch, 'esm2_t6_8M_UR50D.pt'), tiny('esm2_t2_tiny.pt'))
  const env = {
    HF_HOME: folder.join('hf'),
    HF_ENDPOINT: 'http://127.0.0.1:1',
    HTTP_PROXY: 'http://127.0.0.1:1',
  }

  const found = await pull(folder, ['dnabert_s', 'esm2:8M'], env)
  const lines = [`dnabert_s\t${snapshot}`, `esm2:8M\t${join(torch, 'esm2_t6_8M_UR50D.pt')}`]
  expect(found).toMatchObject({ code: 0, stdout: `${lines.join('\n')}\n` })
  const copied = await pull(folder, ['dnabert_s', 'esm2:8M', '-o', 'w'], env)
  expect(copied).toMatchObject({
    code: 0,
    stdout: 'dnabert_s\tw/DNABERT-S\nesm2:8M\tw/esm2_t6_8M_UR50D.pt\n',
  })
  expect(filesBelow(folder.join('w'))).toHaveLength(4)
})

test('a snapshot that is not whole is none, and HF_HUB_OFFLINE forbids to download it', async () => {
  using folder = temporaryFolder()
  await using hub = startHub()
  const cache = folder.join('cache')
  fillHubCache(cache, ['config.json', 'pytorch_model.bin'])
  const env = { HF_HUB_CACHE: cache, HF_ENDPOINT: hub.url }
  const offline = await pull(folder, ['dnabert_s'], { ...env, HF_HUB_OFFLINE: '1' })
  expect(offline).toMatchObject({ code: 69, stdout: '' })
  expect(offline.stderr).toContain('HF_HUB_OFFLINE')
  expect(hub.requests).toEqual([])
  expect((await pull(folder, ['dnabert_s'], env)).stdout).toContain('/virnucpro/weights/DNABERT-S')
})

test('a folder or a file of this machine needs no network', async () => {
  using folder = temporaryFolder()
  const disk = folder.join('disk')
  mkdirSync(join(disk, 'zhihan1996'), { recursive: true })
  writeFileSync(join(disk, 'esm2_t6_8M_UR50D.pt'), tiny('esm2_t2_tiny.pt'))
  writeFileSync(join(disk, '500_model.pth'), tiny('500_model.pth'))
  symlinkSync(join(TINY, 'dnabert_s_tiny'), join(disk, 'zhihan1996/DNABERT-S'))
  const copied = await pull(folder, ['esm2:8M', 'dnabert_s', '--from', disk, '-o', 'w'])
  expect(copied.code).toBe(0)
  const single = await pull(folder, ['500', '--from', join(disk, '500_model.pth'), '-o', 'w'])
  expect(single).toMatchObject({ code: 0, stdout: '500\tw/500_model.pth\n' })
  expect(filesBelow(folder.join('w'))).toHaveLength(5)

  const wrong = await pull(folder, ['300', '--from', join(disk, '500_model.pth'), '-o', 'w'])
  expect(wrong).toMatchObject({ code: 66, stdout: '' })
  expect(wrong.stderr).toContain('expected 300_model.pth')
  const missing = await pull(folder, ['300', '--from', folder.join('nowhere'), '-o', 'w'])
  expect(missing.code).toBe(66)

  const damaged = tiny('500_model.pth')
  damaged[20_000] = (damaged[20_000] ?? 0) ^ 1
  writeFileSync(join(disk, '500_model.pth'), damaged)
  const refused = await pull(folder, ['500', '--from', disk, '-o', 'w', '--force'])
  expect(refused.code).toBe(65)
  expect(refused.stderr).toContain('checksum')
  expect(readFileSync(folder.join('w/500_model.pth'))).toEqual(tiny('500_model.pth'))
})

test('proxies of the environment are used, and SOCKS is refused in words', async () => {
  using folder = temporaryFolder()
  await using proxy = startMirror()
  const file = await torchFile(1)
  proxy.behave = ({ range, headers }) =>
    headers.get('host') === 'weights.example' ? fileAnswer(file, range) : undefined
  const words = ['500', '--from', 'http://weights.example/pub', '-o', 'w', '--retries', '0']
  const pulled = await pull(folder, words, { HTTP_PROXY: proxy.url })
  expect(pulled.code).toBe(0)
  expect(proxy.requests.length).toBeGreaterThan(0)
  const socks = await pull(folder, [...words, '--force'], { HTTP_PROXY: 'socks5://127.0.0.1:1080' })
  expect(socks.code).toBe(69)
  expect(socks.stderr).toContain('the proxy of HTTP_PROXY or HTTPS_PROXY must be http:// or https://')
})

test('models come from where they are published', async () => {
  using folder = temporaryFolder()
  const asked: string[] = []
  using proxy = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket, bytes) {
        asked.push(bytes.toString().split('\r\n')[0] ?? '')
        socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
      },
    },
  })
  const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }
  for (const word of ['esm2', 'dnabert_s', '300'])
    expect((await pull(folder, [word, '--retries', '0'], env)).code).toBe(69)
  expect(asked.map((line) => line.split(' ')[1])).toEqual([
    'dl.fbaipublicfiles.com:443',
    'huggingface.co:443',
    'github.com:443',
  ])
})

test('a published name in place of a path is answered with how to get it', async () => {
  using folder = temporaryFolder()
  const rest = ['--esm', 'x.pt', '--mlp', 'x.pth', '-o', 'b']
  const files = { 'x.pt': 'x', 'x.pth': 'x' }
  for (const [name, text] of Object.entries(files)) writeFileSync(folder.join(name), text)
  const named = await virnucpro(
    ['models', 'import', '--dnabert', 'zhihan1996/DNABERT-S', ...rest],
    folder.path,
  )
  expect(named).toMatchObject({
    code: 66,
    stderr:
      'error: --dnabert zhihan1996/DNABERT-S: no such file. To download it: virnucpro models pull dnabert_s [can-be-pulled]\n',
  })
  const file = await virnucpro(
    ['models', 'import', '--esm', 'w/esm2_t36_3B_UR50D.pt', '--dnabert', '.', '--mlp', 'x.pth', '-o', 'b'],
    folder.path,
  )
  expect(file.stderr).toEndWith('To download it: virnucpro models pull esm2:3B [can-be-pulled]\n')
})

test('what cannot be meant is an error of usage', async () => {
  using folder = temporaryFolder()
  for (const [words, said] of [
    [['esm2:4B'], 'unknown model esm2:4B'],
    [['dnabert'], 'unknown model dnabert'],
    [['500', '--from', 'http://user:secretword@host/'], 'expected an address without a user name'],
  ] as const) {
    const { code, stderr } = await pull(folder, words)
    expect(code).toBe(64)
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('secretword')
  }
})
