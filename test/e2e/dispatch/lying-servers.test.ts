import { afterAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LIES, type Lie } from '../../../packages/tritonclient-ts/test/lies/lies.ts'
import { serveLies } from '../../../packages/tritonclient-ts/test/lies/serve.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { virnucpro } from '../../support/cli.ts'
import { startEndless } from './support/endless-server.ts'
import { type FakeOptions, right, startFake } from './support/fake-server.ts'

// Whole commands on servers that lie: nothing but what an honest server has computed gets into a table.

const folder = temporaryFolder()
const input = folder.join('in.fa')
await Bun.write(input, Array.from({ length: 40 }, (_, i) => `>r${i}\n${'ACGC'.repeat(30 + i)}\n`).join(''))
afterAll(() => folder[Symbol.asyncDispose]())

let runs = 0

async function predict(urls: readonly string[], ...more: string[]) {
  const output = folder.join(`run${runs++}`)
  const words = ['predict', input, '--output-dir', output, '--bundle', 'demo', '--token-budget', '300']
  const { code, stderr } = await virnucpro([...words, '--no-progress', '--triton', urls.join(','), ...more])
  const table = join(output, 'in_merged/prediction_results.txt')
  return { code, stderr, table: existsSync(table) ? await Bun.file(table).text() : undefined }
}

const PATIENCE = ['--server-timeout', '5']

type Made = ReturnType<typeof right>
type Wrong = (numbers: Uint8Array, output: object) => object

const WRONGS: readonly (readonly [string, Wrong])[] = [
  ['it answered to another request', () => ({ id: 'of somebody else' })],
  [
    'two outputs "embedding" in the answer',
    (numbers, output) => ({ outputs: [output, output], rawOutputContents: [numbers, numbers] }),
  ],
  ['where its shape needs', (numbers) => ({ rawOutputContents: [numbers.subarray(4)] })],
  [
    'output "embedding" is BF16, not FP32',
    (numbers, output) => ({
      outputs: [{ ...output, datatype: 'BF16' }],
      rawOutputContents: [numbers.subarray(numbers.length / 2)],
    }),
  ],
]

function lying(wrong: Wrong, from: number): FakeOptions {
  return {
    infer: (request, count) => {
      const answer = right(request)
      const [numbers = new Uint8Array(0)] = answer.rawOutputContents ?? []
      return count < from ? answer : ({ ...answer, ...wrong(numbers, answer.outputs?.[0] ?? {}) } as Made)
    },
  }
}

test('a server whose answers cannot be right is left out, beside others and alone', async () => {
  using fine = await startFake()
  using other = await startFake(lying(WRONGS[0]![1], 2))
  const [honest, beside] = await Promise.all([predict([fine.url]), predict([other.url, fine.url])])
  expect([honest.code, beside.code]).toEqual([0, 0])
  expect(beside.table).toBe(honest.table!)
  const ends = await Promise.all(
    WRONGS.map(async ([reason, wrong]) => {
      using liar = await startFake(lying(wrong, 6))
      return { reason, ...(await predict([liar.url], ...PATIENCE)) }
    }),
  )
  for (const { reason, code, stderr, table } of ends) {
    expect(stderr).toContain('cannot be used now (')
    expect(stderr).toContain(reason)
    expect([reason, code, table]).toEqual([reason, 75, undefined])
  }
})

test('NaN from a server is named, and in no table', async () => {
  using liar = await startFake(
    lying((numbers) => ({ rawOutputContents: [new Uint8Array(numbers.length).fill(0xff)] }), 0),
  )
  const { code, stderr, table } = await predict([liar.url])
  expect(stderr).toContain('NaN or infinity')
  expect(stderr).toContain('no frame could be computed: the tables hold their headers only')
  expect([code, table?.toLowerCase().includes('nan')]).toEqual([2, false])
})

test('answers of 700 MB are refused when they are announced', async () => {
  using server = await startEndless(700 * 2 ** 20)
  const { code, stderr, table } = await predict([server.url], ...PATIENCE)
  expect(stderr).toMatch(/the answer is announced with 7340\d{5} bytes, at most 67108864 are taken/)
  expect([code, table]).toEqual([75, undefined])
  // What fits into the windows of the connection, and what the server had already written.
  expect(server.taken).toBeLessThan(64 * 2 ** 20)
})

test('what is not gRPC ends the run in time, and the same command can be given again', async () => {
  const names = [
    'random bytes',
    'HTTP/1.1',
    'not a word',
    'a byte now and then',
    'goaway at once',
    'TLS where plain is spoken',
  ]
  const lies = Object.fromEntries(names.map((name) => [name, LIES[name] as Lie]))
  await using servers = await serveLies(lies)
  const ends = await Promise.all(
    names.map(async (name) => ({ name, ...(await predict([servers.asked[name]!.url], ...PATIENCE)) })),
  )
  for (const { name, code, stderr, table } of ends) {
    expect(stderr).toContain('no inference server with every model has answered for 5 s')
    expect([name, code, table]).toEqual([name, 69, undefined])
  }
})

test('what a server says of an error is shown without what a terminal acts on', async () => {
  using server = await startFake({
    refuse: () => 'UNAUTHENTICATED',
    details: 'a\u001b]0;title\u0007\u009b31m\u202eb',
  })
  const { code, stderr } = await predict([server.url])
  expect(code).toBe(69)
  expect(stderr).toContain('\\x1b]0;title\\x07')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
})
