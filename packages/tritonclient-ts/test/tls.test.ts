import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import * as source from '../src/index.ts'
import { type TlsOptions, TritonClient } from '../src/index.ts'
import { type Authority, makeAuthority, type Pair } from './certificates.ts'
import { installPackage, underNode } from './node.ts'
import { refusals, secure } from './programs/secure.ts'
import { writeRepository } from './repository.ts'
import { startGrpc, startOpenssl } from './tls-servers.ts'

const data = new Uint8Array(200_000).fill(1)

describe.skipIf(!hasTriton)('encrypted connections to a real server', () => {
  const folder = temporaryFolder()
  let ours: Authority
  let theirs: Authority
  let client: Pair
  let stranger: Pair
  let server: Pair
  const servers: TritonServer[] = []

  async function start(name: string, args: string[]): Promise<string> {
    const repository = writeRepository(folder.join(name), ['echo'])
    const started = await startTriton({
      repository,
      args: [
        '--grpc-use-ssl=true',
        `--grpc-server-cert=${server.path}.crt`,
        `--grpc-server-key=${server.path}.key`,
        ...args,
      ],
    })
    servers.push(started)
    return started.grpcUrl.replace('grpc:', 'grpcs:')
  }

  async function echo(url: string, tls: TlsOptions): Promise<unknown> {
    using triton = new TritonClient({ url, tls, retry: { attempts: 3, initialDelayMs: 1 } })
    const inputs = [{ name: 'IN', datatype: 'UINT8', shape: [data.length], data } as const]
    const { outputs } = await triton.infer({ model: 'echo', inputs })
    return outputs[0]?.data
  }
  const flipped = data.map((byte) => byte ^ 0x5a)

  beforeAll(async () => {
    ours = await makeAuthority(folder.path, 'ours')
    theirs = await makeAuthority(folder.path, 'theirs')
    server = await ours.sign('server', 'server', 'DNS:triton.example,IP:127.0.0.1')
    client = await ours.sign('client', 'client')
    stranger = await theirs.sign('stranger', 'stranger')
  }, 60_000)
  afterAll(async () => {
    await Promise.all(servers.map((each) => each[Symbol.asyncDispose]()))
    await folder[Symbol.asyncDispose]()
  })

  test('the server shows who it is', async () => {
    const url = await start('tls', [])
    expect(await echo(url, { ca: ours.ca })).toEqual(flipped)
    expect(await echo(url, { ca: Buffer.from(ours.ca), serverName: 'triton.example' })).toEqual(flipped)

    // Another attempt would not help: it is made once, and says what to look at.
    const fault = { code: 'UNAVAILABLE', reason: 'tls', retryable: false, attempts: 1 }
    await expect(echo(url, {})).rejects.toMatchObject(fault)
    await expect(echo(url, { ca: theirs.ca })).rejects.toMatchObject(fault)
    await expect(echo(url, { ca: ours.ca, serverName: 'other.example' })).rejects.toMatchObject(fault)
    await expect(echo(url, { ca: ours.ca, serverName: 'other.example' })).rejects.toThrow(
      "the server's certificate is for another host",
    )
    const plain = url.replace('grpcs:', 'grpc:')
    using blunt = new TritonClient({ url: plain, retry: false })
    await expect(blunt.serverLive()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  }, 120_000)

  test('both sides show who they are', async () => {
    const url = await start('mutual', ['--grpc-use-ssl-mutual=true', `--grpc-root-cert=${ours.path}`])
    expect(await echo(url, { ca: ours.ca, cert: client.cert, key: client.key })).toEqual(flipped)
    await expect(echo(url, { ca: ours.ca })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(echo(url, { ca: ours.ca, cert: stranger.cert, key: stranger.key })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })

    // By number the certificate has to name the number.
    const nameless = await ours.sign('nameless', 'nameless', 'DNS:triton.example,IP:127.0.0.2')
    using other = await startGrpc(nameless)
    const tls = { ca: ours.ca }
    // This one has no such method: an answer all the same.
    const named = { ...tls, serverName: 'triton.example' }
    await expect(echo(other.url, named)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' })
    await expect(echo(other.url, tls)).rejects.toMatchObject({ reason: 'tls' })

    const paths = { ca: ours.path, otherCa: theirs.path, client: client.path }
    const expected = {
      mutual: true,
      byName: true,
      unknownAuthority: ['UNAVAILABLE', 'tls', 1],
      otherAuthority: ['UNAVAILABLE', 'tls', 1],
      otherName: ['UNAVAILABLE', 'tls', 1],
    }
    expect(await secure(source, url, paths)).toEqual(expected)
    const installed = await installPackage(folder.join('node'))
    expect(await underNode<unknown>(installed, 'secure', url, JSON.stringify(paths))).toEqual(expected)
  }, 120_000)
})

test('one sentence says what is wrong with a connection, under Bun and under Node', async () => {
  await using folder = temporaryFolder()
  const ours = await makeAuthority(folder.path, 'ours')
  const theirs = await makeAuthority(folder.path, 'theirs')
  const here = 'DNS:localhost,IP:127.0.0.1'
  const good = await ours.sign('good', 'good', here)
  const past = await ours.signFor('past', here, '20200101000000Z', '20210101000000Z')
  using expired = await startGrpc(past)
  using early = await startGrpc(await ours.signFor('early', here, '20900101000000Z', '20910101000000Z'))
  using elsewhere = await startGrpc(await ours.sign('elsewhere', 'elsewhere', 'DNS:h.example,IP:127.0.0.2'))
  using foreign = await startGrpc(await theirs.sign('foreign', 'foreign', here))
  using old = await startOpenssl(good, '-tls1_1')
  using older = await startOpenssl(good, '-tls1')
  using mutual = await startOpenssl(good, '-CAfile', ours.path, '-Verify', '1', '-verify_return_error')
  using plain = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data: (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') },
  })
  const stranger = await theirs.sign('stranger', 'stranger')
  const ca = ours.path
  const attempts = [
    { url: expired.url, ca },
    { url: early.url, ca },
    { url: elsewhere.url, ca },
    { url: elsewhere.url.replace('127.0.0.1', 'localhost'), ca },
    { url: foreign.url, ca },
    { url: old.url, ca },
    { url: older.url, ca },
    { url: mutual.url, ca },
    { url: mutual.url, ca, client: stranger.path },
    { url: mutual.url, ca, client: past.path },
    { url: `grpcs://127.0.0.1:${plain.port}`, ca },
  ]
  const expected = [
    "tls: the server's certificate has expired",
    "tls: the server's certificate is not valid yet; check the clocks",
    "tls: the server's certificate is for another host",
    "tls: the server's certificate is for another host",
    "tls: the server's certificate is of an authority that is not trusted here",
    'tls: the server has none of the versions of TLS that are safe, 1.2 and later',
    'tls: the server has none of the versions of TLS that are safe, 1.2 and later',
    'tls: the server asks for a certificate of this client, and got none',
    'tls: the server does not accept the certificate of this client',
    'tls: the server does not accept the certificate of this client',
    'tls: what answers does not speak TLS; check the port, and grpcs:// against grpc://',
  ]
  expect(await refusals(source, attempts)).toEqual(expected)
  const installed = await installPackage(folder.join('node'))
  expect(await underNode<unknown>(installed, 'refusals', '', JSON.stringify(attempts))).toEqual(expected)
}, 120_000)

test('certificates that cannot be used are refused at once', () => {
  const refused = { code: 'INVALID_ARGUMENT', reason: 'rejected' }
  const make = (url: string, tls: TlsOptions) => () => new TritonClient({ url, tls })
  const failed = (act: () => unknown) => {
    try {
      act()
      return undefined
    } catch (error) {
      return error
    }
  }
  expect(failed(make('grpc://h', { ca: 'x' }))).toMatchObject(refused)
  expect(failed(make('grpcs://h', { cert: 'x' }))).toMatchObject(refused)
  expect(failed(make('grpcs://h', { cert: 'x', key: 'y' }))).toMatchObject(refused)
})
