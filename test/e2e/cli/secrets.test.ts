import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { temporaryFolder, virnucpro } from './support.ts'

const SECRET = 'xyzzy-plugh-42'
const HEADER = `Authorization: Bearer ${SECRET}`
const RUN = ['predict', 'in.fa', '--bundle', 'demo', '-v', '-l', 'run.log']

/** The content of every file below a folder, but those that the test itself wrote the secret into. */
function filesBelow(folder: string): string {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => !/\.(ya?ml|json5?)$/.test(name) || /summary|run\.json/.test(name))
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('\n')
}

const asFlag = (value: string) => ({ args: ['--triton-header', value], env: {} })
const asVariable = (value: string) => ({ args: [], env: { VIRNUCPRO_TRITON_HEADER: value } })
const WRONG = [
  `Authorization Bearer ${SECRET}`,
  `Authorization: Bearer\n${SECRET}`,
  `X: é${SECRET}`,
  `:${SECRET}`,
]

test.concurrent('a header that cannot be used is refused without its value', async () => {
  using folder = temporaryFolder()
  const { path: cwd } = folder
  writeFileSync(folder.join('in.fa'), '>a\nACGT\n')
  for (const value of WRONG) {
    for (const { args, env } of [asFlag(value), asVariable(value)]) {
      for (const command of [RUN, ['config'], ['verify', '--bundle', 'demo']]) {
        const { code, out, err } = await virnucpro([...command, ...args], { cwd, env })
        expect(err).toMatch(/(--triton-header|VIRNUCPRO_TRITON_HEADER): expected NAME:VALUE\n/)
        expect(out + err).not.toContain(SECRET)
        expect(code).toBe(64)
      }
    }
  }
  for (const text of [
    `triton_header: [${SECRET}]`,
    `triton_header: ${SECRET}`,
    `triton_header: "${SECRET}\n  : - [`,
    `triton_haeder: "${HEADER}"`,
  ]) {
    writeFileSync(folder.join('virnucpro.config.yaml'), text)
    const { code, out, err } = await virnucpro(RUN, { cwd })
    expect(out + err).not.toContain(SECRET)
    expect(code).toBe(64)
  }
})

test.concurrent('slips of the command line do not show it either', async () => {
  using folder = temporaryFolder()
  for (const args of [
    ['--triton-header', HEADER, '--triton-header', `${HEADER}2`],
    ['--triton-heade', HEADER],
    [`--triton-heade=${HEADER}`],
    [`-H${HEADER}`],
    ['--triton-header', `-${SECRET}`],
    ['--triton', `grpc://user:${SECRET}@127.0.0.1:1`],
    ['--triton-metrics', `http://user:${SECRET}@127.0.0.1:1`],
    ['--triton', `grpcs://${SECRET}@h@127.0.0.1:1`],
    ['--triton', `user:${SECRET}@127.0.0.1:1`],
    ['--triton', `grpc://127.0.0.1:1,user:x/${SECRET},y@127.0.0.1`],
    ['--triton', `grpc://127.0.0.1:1/?token=${SECRET}`],
    ['--triton-metrics', `user:${SECRET}@127.0.0.1:1`],
  ]) {
    const { code, out, err } = await virnucpro([...RUN, ...args], { cwd: folder.path })
    expect(err).toStartWith('error: ')
    expect(out + err).not.toContain(SECRET)
    expect({ args, code }).toEqual({ args, code: 64 })
  }
})

test.concurrent('config shows that there is one, and its output can be used as it is', async () => {
  using folder = temporaryFolder()
  const { path: cwd } = folder
  for (const { args, env } of [asFlag(HEADER), asVariable(HEADER)]) {
    const yaml = await virnucpro(['config', ...args], { cwd, env })
    expect(yaml.out).toMatch(/^# triton_header: "\*\*\*" +# (flag|environment) /m)
    const json = await virnucpro(['config', '--json', ...args], { cwd, env })
    expect(JSON.parse(json.out).settings.triton_header.value).toBe('***')
    expect(yaml.out + yaml.err + json.out + json.err).not.toContain(SECRET)
    writeFileSync(folder.join('again.yaml'), yaml.out)
    expect((await virnucpro(['config', '--config', 'again.yaml'], { cwd })).code).toBe(0)
  }
})

test.concurrent('it is sent to the server, and shown nowhere, also where the server quotes it', async () => {
  using folder = temporaryFolder()
  const { path: cwd } = folder
  writeFileSync(folder.join('in.fa'), `>a\nATG${'GCT'.repeat(80)}TAA\n`)
  const seen: unknown[] = []
  const server = new Server({})
  const refuse = (
    call: { metadata: { get(name: string): unknown[] } },
    answer: (error: { code: number; details: string }) => void,
  ) => {
    seen.push(...call.metadata.get('authorization'))
    answer({ code: 16, details: `the token ${SECRET} of ${HEADER} is not known\x1b[2J` })
  }
  const identity = (bytes: Buffer) => bytes
  for (const method of ['ServerReady', 'ServerLive', 'ModelReady', 'ModelConfig', 'ServerMetadata']) {
    const path = `/inference.GRPCInferenceService/${method}`
    server.register(path, refuse as never, identity as never, identity as never, 'unary')
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  const args = ['--triton', `grpc://127.0.0.1:${port}`, '--server-timeout', '3', '--triton-header', HEADER]
  const { code, out, err } = await virnucpro([...RUN, ...args, '-o', 'out'], { cwd })
  server.forceShutdown()
  expect(seen).toContain(`Bearer ${SECRET}`)
  expect(err).toContain('the token *** of')
  expect(err).not.toContain('\x1b')
  expect(out + err + filesBelow(cwd)).not.toContain(SECRET)
  expect(code).toBe(69)
})
