// A run over encrypted connections: to whom sequences go, and one sentence with its exit code where they do not.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServerCredentials } from '@grpc/grpc-js'
import {
  type Authority,
  makeAuthority,
  type Pair,
} from '../../../packages/tritonclient-ts/test/certificates.ts'
import { run } from '../../../packages/tritonclient-ts/test/node.ts'
import { startGrpc, startOpenssl } from '../../../packages/tritonclient-ts/test/tls-servers.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { ExitCode } from '../../../src/exit-codes.ts'
import { virnucpro } from '../../support/cli.ts'
import { type FakeServer, startFake } from '../dispatch/support/fake-server.ts'

const folder = temporaryFolder()
const input = folder.join('in.fa')
writeFileSync(input, `>a\n${'ACGC'.repeat(60)}\n`)
const HERE = 'DNS:localhost,IP:127.0.0.1,IP:::1'

let ours: Authority
let theirs: Authority
let good: Pair
let past: Pair
let client: Pair
let stranger: Pair
/** Wants no certificate of a client; the other one does. */
let open: FakeServer
let mutual: FakeServer

beforeAll(async () => {
  ours = await makeAuthority(folder.path, 'ours')
  theirs = await makeAuthority(folder.path, 'theirs')
  good = await ours.sign('good', 'good', HERE)
  past = await ours.signFor('past', HERE, '20200101000000Z', '20210101000000Z')
  client = await ours.sign('client', 'client')
  stranger = await theirs.sign('stranger', 'stranger')
  const pair = { private_key: Buffer.from(good.key), cert_chain: Buffer.from(good.cert) }
  const credentials = (isMutual: boolean) =>
    ServerCredentials.createSsl(isMutual ? Buffer.from(ours.ca) : null, [pair], isMutual)
  open = await startFake({ credentials: credentials(false) })
  mutual = await startFake({ credentials: credentials(true) })
}, 60_000)
afterAll(async () => {
  open?.[Symbol.dispose]()
  mutual?.[Symbol.dispose]()
  await folder[Symbol.asyncDispose]()
})

/** The variable of gRPC that replaces the authorities of the system. */
const NO_ROOTS = { GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: '' }

let runs = 0

async function predict(url: string, more: readonly string[], env: Record<string, string> = {}) {
  const output = folder.join(`run${runs++}`)
  const words = ['predict', input, '--output-dir', output, '--bundle', 'demo', '--no-progress']
  const result = await virnucpro(
    [...words, '--triton', url, '--server-timeout', '1', ...more],
    folder.path,
    env,
  )
  const table = join(output, 'in_merged/prediction_results.txt')
  return { ...result, table: existsSync(table) ? readFileSync(table, 'utf8') : undefined }
}

const withAuthority = (path = ours.path) => ['--triton-ca', path]
const withPair = (cert: string, key = cert.replace(/\.crt$/, '.key')) => [
  ...['--triton-ca', ours.path],
  ...['--triton-cert', cert, '--triton-key', key],
]

test('servers that show who they are compute, by number and by name, for clients that do', async () => {
  const plain = await startFake()
  const expected = await predict(plain.url, [])
  plain[Symbol.dispose]()
  expect(expected.table).toContain('a_chunk_1')
  const byNumber = await predict(open.url, withAuthority())
  const byName = await predict(open.url.replace('127.0.0.1', 'localhost'), withAuthority())
  const both = await predict(mutual.url, withPair(`${client.path}.crt`))
  // An organization adds its authority to those of the system.
  const ofSystem = await predict(open.url, [], { SSL_CERT_FILE: ours.path, ...NO_ROOTS })
  for (const { code, stderr, table } of [byNumber, byName, both, ofSystem])
    expect({ code, table, stderr: code === 0 ? '' : stderr }).toEqual({
      code: 0,
      table: expected.table,
      stderr: '',
    })
})

test('a server that is not the one that was meant gets nothing, with one sentence', async () => {
  using expired = await startGrpc(past)
  using early = await startGrpc(await ours.signFor('early', HERE, '20900101000000Z', '20910101000000Z'))
  using elsewhere = await startGrpc(await ours.sign('elsewhere', 'elsewhere', 'DNS:h.example,IP:127.0.0.2'))
  using foreign = await startGrpc(await theirs.sign('foreign', 'foreign', HERE))
  using old = await startOpenssl(good, '-tls1_1')
  using strict = await startOpenssl(good, '-CAfile', ours.path, '-Verify', '1', '-verify_return_error')
  using plain = await startFake()
  const notTrusted = "the server's certificate is of an authority that is not trusted here"
  const cases: readonly [url: string, more: string[], said: string][] = [
    [expired.url, withAuthority(), "the server's certificate has expired"],
    [early.url, withAuthority(), "the server's certificate is not valid yet; check the clocks"],
    [elsewhere.url, withAuthority(), "the server's certificate is for another host"],
    [foreign.url, withAuthority(), notTrusted],
    [open.url, [], notTrusted],
    [open.url, withAuthority(theirs.path), notTrusted],
    [old.url, withAuthority(), 'the server has none of the versions of TLS that are safe, 1.2 and later'],
    [plain.url.replace('grpc:', 'grpcs:'), withAuthority(), 'what answers does not speak TLS'],
    [mutual.url, withAuthority(), 'the server asks for a certificate of this client, and got none'],
    [
      strict.url,
      withPair(`${stranger.path}.crt`),
      'the server does not accept the certificate of this client',
    ],
    [strict.url, withPair(`${past.path}.crt`), 'the server does not accept the certificate of this client'],
  ]
  for (const [url, more, said] of cases) {
    const { code, stderr, table } = await predict(url, more, NO_ROOTS)
    expect(stderr).toContain(`the encrypted connection could not be made: ${said}`)
    expect(stderr).toContain('--triton-ca, --triton-cert and --triton-key name certificates [no-access]')
    expect(stderr.match(/^error: /gm)).toHaveLength(1)
    expect({ code, table }).toEqual({ code: ExitCode.unavailable, table: undefined })
  }
  // The switch by which programs for Node accept every certificate lets no sequence out either.
  const { code, stderr } = await predict(foreign.url, withAuthority(), { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
  expect(stderr).toContain(notTrusted)
  expect(code).toBe(ExitCode.unavailable)
  expect(plain.asked).toBe(0)
})

test('a connection that a server closes without a word names what may be wrong', async () => {
  const before = open.asked
  const unencrypted = await predict(open.url.replace('grpcs:', 'grpc:'), [])
  expect(unencrypted.stderr).toContain('check that it runs at this address and does not want grpcs://')
  const refused = await predict(mutual.url, withPair(`${stranger.path}.crt`))
  expect(refused.stderr).toContain("check that it runs at this address and accepts this client's certificate")
  expect([unencrypted.code, refused.code]).toEqual([ExitCode.unavailable, ExitCode.unavailable])
  expect(open.asked).toBe(before)
})

test('files that hold no usable certificate or key are named before anything is sent', async () => {
  const [crt, key] = [`${client.path}.crt`, `${client.path}.key`]
  const [locked, garbage, torn] = ['locked.key', 'garbage.pem', 'torn.crt'].map((name) => folder.join(name))
  await run(['openssl', 'pkcs8', '-topk8', '-in', key, '-out', locked!, '-passout', 'pass:word'])
  writeFileSync(garbage!, 'hello')
  writeFileSync(torn!, `${client.cert.slice(0, 200)}\n-----END CERTIFICATE-----\n`)
  const cases: readonly [more: string[], said: string][] = [
    [withAuthority(garbage), `${garbage}: there is no certificate in it`],
    [withAuthority(key), `${key}: there is no certificate in it`],
    [withAuthority(torn), `${torn}: damaged, or of a kind that is not known here`],
    [[...withAuthority(), '--triton-cert', crt], `${crt}: a certificate of a client needs its key`],
    [[...withAuthority(), '--triton-key', key], `${key}: a key needs its certificate`],
    [
      withPair(crt, `${stranger.path}.key`),
      `${stranger.path}.key: the key does not belong to the certificate ${crt}`,
    ],
    [withPair(crt, locked), `${locked}: the key is encrypted, and its passphrase is not asked for`],
    [withPair(crt, garbage), `${garbage}: there is no private key in it`],
    [withPair(key, crt), `${key}: there is no certificate in it`],
  ]
  for (const [more, said] of cases) {
    const { code, stderr } = await predict(open.url, more)
    expect(stderr).toContain(`error: ${said}`)
    expect(stderr).toContain('--triton-key its key, each a file of PEM text [bad-certificate]')
    expect(code).toBe(ExitCode.usage)
  }
  const missing = await predict(open.url, withAuthority('nothere.pem'))
  expect(missing.stderr).toContain('cannot read the certificate file nothere.pem')
  expect(missing.code).toBe(ExitCode.noInput)
})

test('a key or a secret that everybody can read is warned of', async () => {
  const key = `${client.path}.key`
  const config = folder.join('secret.yaml')
  writeFileSync(config, 'triton_header: "authorization: Bearer word"\n')
  chmodSync(key, 0o644)
  chmodSync(config, 0o644)
  const words = [...withPair(`${client.path}.crt`), '--config', config]
  const loose = await predict(mutual.url, words)
  expect(loose.code).toBe(0)
  expect(loose.stderr).toContain(`${key}, named as a private key, can be read by every user of this machine`)
  expect(loose.stderr).toContain(`${config}, which holds a secret (triton_header), can be read by every user`)
  chmodSync(key, 0o600)
  chmodSync(config, 0o640)
  const closed = await predict(mutual.url, words)
  expect(closed.code).toBe(0)
  expect(closed.stderr).not.toContain('can be read by')
})
