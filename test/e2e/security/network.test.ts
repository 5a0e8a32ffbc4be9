// Nothing is sent anywhere: without any network every command ends as with one, and with one it talks to this machine alone.
import { afterAll, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { resultOf, spawnCli } from '../../support/cli.ts'
import { faultTools, hasFaultTools } from '../../support/faults/tools.ts'
import { startFake } from '../dispatch/support/fake-server.ts'

const folder = temporaryFolder()
const input = folder.join('in.fa')
writeFileSync(input, `>a\n${'ACGC'.repeat(60)}\n>b\n${'GCAT'.repeat(80)}\n`)
afterAll(() => folder[Symbol.asyncDispose]())

/** A network of its own whose one device, the loopback, is down. */
const ALONE = ['unshare', '--user', '--map-root-user', '--net', '--']

/** Command lines that need no network, in an order in which the later ones find what the earlier ones have made. */
const commands = (out: string) => [
  ['predict', input, '--output-dir', out, '--bundle', 'demo', '--no-progress'],
  ['report', out],
  ['embed', input, '--output', join(out, 'vectors.npz'), '--bundle', 'demo', '--no-progress'],
  ['estimate', input, '--bundle', 'demo'],
  ['doctor'],
  ['config'],
  ['models', 'list'],
]

/** A home of its own: what one test sets up, the other must not see. */
const start = (words: readonly string[], within: readonly string[]) =>
  resultOf(
    spawnCli(words, {
      cwd: folder.path,
      within,
      env: { NO_COLOR: '1', VIRNUCPRO_HOME: folder.join('home') },
    }),
  )

const RESULTS = ['in_merged/prediction_results.txt', 'in_results/contigs.tsv', 'in_results/chunks.tsv']

test('without a network, not even a loopback, every command ends as with one', async () => {
  const [alone, beside] = [folder.join('alone'), folder.join('beside')]
  for (const [i, words] of commands(alone).entries()) {
    const cut = await start(words, ALONE)
    const usual = await start(commands(beside)[i]!, [])
    expect({ words, code: cut.code, stderr: cut.code === usual.code ? '' : cut.stderr }).toEqual({
      words,
      code: usual.code,
      stderr: '',
    })
  }
  for (const name of RESULTS)
    expect(readFileSync(join(alone, name), 'utf8')).toBe(readFileSync(join(beside, name), 'utf8'))
  const vectors = (of: string) => readFileSync(join(of, 'vectors.npz'))
  expect(Buffer.compare(vectors(alone), vectors(beside))).toBe(0)
})

/** Where a process and its children have sent anything, by the system's own record of their calls. */
async function addressesOf(
  words: readonly string[],
): Promise<{ code: number; stderr: string; to: string[] }> {
  const log = folder.join('calls.log')
  const calls = 'trace=connect,sendto,sendmsg,sendmmsg'
  const within = [join(faultTools, 'strace'), '-f', '--seccomp-bpf', '-e', calls, '-o', log, '--']
  const { code, stderr } = await start(words, within)
  const lines = readFileSync(log, 'utf8').split('\n')
  const to = lines.flatMap((line) => {
    const [, port, v4, v6] =
      /sin6?_port=htons\((\d+)\).*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")/.exec(line) ?? []
    return port === undefined ? [] : [`${v4 ?? v6}:${port}`]
  })
  return { code, stderr, to: [...new Set(to)] }
}

test.skipIf(!hasFaultTools)(
  'a command connects to its server and to the usual ports of this machine',
  async () => {
    using server = await startFake()
    const port = Number(new URL(server.url).port)
    // Its metrics have the next port.
    const named = [port, port + 1].map((each) => `127.0.0.1:${each}`)
    const out = folder.join('traced')
    const [predict = [], ...others] = commands(out)
    const onServer = await addressesOf([...predict, '--triton', server.url])
    expect({ code: onServer.code, to: onServer.to.sort() }).toEqual({ code: 0, to: named })
    for (const words of others) {
      const { to } = await addressesOf(words)
      expect({ words, to: to.filter((each) => !/^(127\.0\.0\.1|::1):/.test(each)) }).toEqual({
        words,
        to: [],
      })
    }
    const inProcess = await addressesOf([...predict, '--force', '--backend', 'onnx'])
    expect({ code: inProcess.code, to: inProcess.to }).toEqual({ code: 0, to: [] })

    // What would be sent is seen.
    const download = await addressesOf([
      'models',
      'pull',
      '500',
      '--from',
      'http://127.0.0.9:9/',
      '--retries',
      '0',
    ])
    expect(download.to).toContain('127.0.0.9:9')
  },
)
