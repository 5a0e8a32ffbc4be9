// What a hostile mirror, or somebody between, can do to `models pull`.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { type Authority, makeAuthority } from '../../../packages/tritonclient-ts/test/certificates.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { startMirror } from '../../support/mirror.ts'
import { filesBelow, pull, temporaryFolder, torchFile } from '../pull/support.ts'

const folder = temporaryFolder()
const FILE = '/500_model.pth'
const HERE = 'DNS:localhost,IP:127.0.0.1'
const content = await torchFile(1)
let ours: Authority
let theirs: Authority
/** Whoever runs the command trusts ours. */
let trusting: Record<string, string>

beforeAll(async () => {
  ours = await makeAuthority(folder.path, 'ours')
  theirs = await makeAuthority(folder.path, 'theirs')
  trusting = { NODE_EXTRA_CA_CERTS: ours.path }
}, 60_000)
afterAll(() => folder[Symbol.asyncDispose]())

test('a mirror whose certificate is not good is asked for nothing', async () => {
  await using good = startMirror({ [FILE]: content }, await ours.sign('good', 'good', HERE))
  const brought = await pull(folder, ['500', '--from', good.url, '-o', 'good-files'], trusting)
  expect({ code: brought.code, stderr: brought.code === 0 ? '' : brought.stderr }).toEqual({
    code: 0,
    stderr: '',
  })
  const asked = good.requests.length

  const past = await ours.signFor('past', HERE, '20200101000000Z', '20210101000000Z')
  await using expired = startMirror({ [FILE]: content }, past)
  await using elsewhere = startMirror({ [FILE]: content }, await ours.sign('other', 'other', 'IP:127.0.0.2'))
  await using foreign = startMirror({ [FILE]: content }, await theirs.sign('foreign', 'foreign', HERE))
  for (const [mirror, why] of [
    [expired, 'CERT_HAS_EXPIRED'],
    [elsewhere, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [foreign, ''],
  ] as const) {
    // The switch of Node that accepts every certificate has no effect.
    for (const more of [{}, { NODE_TLS_REJECT_UNAUTHORIZED: '0' }]) {
      const env = { ...trusting, ...more, HF_ENDPOINT: mirror.url, HF_TOKEN: 'hf_secret' }
      for (const words of [['500', '--from', mirror.url], ['dnabert_s']]) {
        const { code, stderr } = await pull(folder, [...words, '-o', 'w', '--retries', '0'], env)
        expect(stderr).toContain(`${new URL(mirror.url).host}: its certificate is not trusted (${why}`)
        expect(code).toBe(ExitCode.unavailable)
      }
    }
    expect(mirror.requests).toEqual([])
  }
  expect(good.requests).toHaveLength(asked)
  expect(existsSync(folder.join('w'))).toBe(false)
})

test('nobody is led from an encrypted connection to one that is not', async () => {
  await using plain = startMirror({ [FILE]: content })
  await using mirror = startMirror({}, await ours.sign('leading', 'leading', HERE))
  mirror.behave = () => Response.redirect(`${plain.url}${FILE}`, 302)
  const { code, stderr } = await pull(folder, ['500', '--from', mirror.url, '-o', 'w'], trusting)
  expect(stderr).toContain(`refused a redirect to ${plain.url}${FILE}`)
  expect(code).toBe(ExitCode.unavailable)
  expect(plain.requests).toEqual([])
  expect(existsSync(folder.join('w'))).toBe(false)
})

test('names that lead out of the folder are not files of a model', async () => {
  await using hub = startMirror()
  const names = ['../../out.bin', '/out.bin', '..\\out.bin', 'model.safetensors.index.json']
  const weight_map = Object.fromEntries(names.map((name, i) => [`w${i}`, name]))
  hub.behave = ({ path }) => {
    if (path.startsWith('/api/'))
      return Response.json({ sha: 'a'.repeat(40), siblings: names.map((rfilename) => ({ rfilename })) })
    return path.endsWith('.json') ? Response.json({ weight_map }) : undefined
  }
  const before = filesBelow(folder.path)
  const listed = await pull(folder, ['dnabert_s', '-o', 'v/w'], { HF_ENDPOINT: hub.url })
  expect(listed.stderr).toContain('expected config.json, tokenizer.json, model.safetensors')
  expect(listed.code).toBe(ExitCode.noInput)
  await pull(folder, ['dnabert_s', '--from', hub.url, '-o', 'v/w'])
  expect(hub.requests.filter(({ path }) => path.includes('out.bin'))).toEqual([])
  const added = filesBelow(folder.path).filter((name) => !before.includes(name))
  expect(added.filter((name) => !name.startsWith('v/w/DNABERT-S/'))).toEqual([])
})

test('a text without an end is given up', async () => {
  await using hub = startMirror()
  hub.behave = () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(1 << 20).fill(0x20))
        },
      }),
    )
  const { code, stderr } = await pull(folder, ['dnabert_s', '-o', 'w'], { HF_ENDPOINT: hub.url })
  expect(stderr).toContain('larger than any text expected there')
  expect(code).toBe(ExitCode.unavailable)
})
