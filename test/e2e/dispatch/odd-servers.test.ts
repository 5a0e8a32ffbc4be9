import { afterAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { virnucpro } from '../../support/cli.ts'
import {
  demoVersion,
  type FakeOptions,
  type FakeServer,
  right,
  type StatusName,
  startFake,
} from './support/fake-server.ts'

const folder = temporaryFolder()
const input = folder.join('in.fa')
// Without T there is no stop codon on one strand.
await Bun.write(input, Array.from({ length: 60 }, (_, i) => `>r${i}\n${'ACGC'.repeat(30 + i)}\n`).join(''))
afterAll(() => folder[Symbol.asyncDispose]())

let runs = 0

/** A run on these servers; each into a folder of its own unless it is named. */
async function predict(servers: readonly FakeServer[], more: string[] = [], name = `run${runs++}`) {
  const output = folder.join(name)
  const start = performance.now()
  const { code, stderr } = await virnucpro([
    ...[
      'predict',
      input,
      '--output-dir',
      output,
      '--bundle',
      'demo',
      '--token-budget',
      '300',
      '--no-progress',
    ],
    ...['--triton', servers.map(({ url }) => url).join(','), ...more],
  ])
  const seconds = (performance.now() - start) / 1000
  return {
    code,
    stderr,
    seconds,
    output,
    hasTable: existsSync(join(output, 'in_merged/prediction_results.txt')),
  }
}

async function on(options: FakeOptions, ...more: string[]) {
  using server = await startFake(options)
  return { ...(await predict([server], more)), asked: server.asked }
}

const TIMEOUT = ['--server-timeout', '3']

test('only finished batches put off the end: a server that is ready and gives none ends the run in time', async () => {
  const [mute, few, failing] = await Promise.all([
    on({ infer: () => undefined }, ...TIMEOUT),
    on({ infer: (request, count) => (count < 6 ? right(request) : undefined) }, ...TIMEOUT),
    on({ infer: () => 'UNAVAILABLE' }, ...TIMEOUT),
  ])
  for (const { code, stderr, seconds, hasTable } of [mute, few, failing]) {
    expect(stderr).toContain('no inference server has finished a batch for 3 s')
    expect(stderr).toContain('give the same command again')
    expect({ code, hasTable }).toEqual({ code: 75, hasTable: false })
    // Starting the program on a busy machine is most of it.
    expect(seconds).toBeGreaterThan(3)
    expect(seconds).toBeLessThan(20)
    // Said once for each model, not once for each attempt.
    expect(stderr.match(/cannot be used now/g)?.length ?? 0).toBeLessThanOrEqual(2)
    expect(stderr).not.toContain('answers again')
  }
  expect(failing.asked).toBeGreaterThan(4)
})

test('where only another model is left the run ends, and goes on once its own is back', async () => {
  let exchanged = false
  using server = await startFake({
    infer: (request, count) => {
      exchanged ||= count === 8
      return exchanged ? 'NOT_FOUND' : right(request)
    },
  })
  const lost = await predict([server], ['--server-timeout', '1'], 'kept')
  expect(lost.stderr).toContain('no inference server has finished a batch for 1 s')
  expect({ code: lost.code, hasTable: lost.hasTable }).toEqual({ code: 75, hasTable: false })
  exchanged = false
  const { code, stderr, hasTable } = await predict([server], [], 'kept')
  expect(stderr).toContain('continuing the unfinished run')
  expect({ code, hasTable }).toEqual({ code: 0, hasTable: true })
})

test('a server that is slow, but not as slow as the limit, is waited for', async () => {
  // One after the other, as an instance computes them: the second of two is answered later than the limit after its sending.
  const last = new Map<string, Promise<unknown>>()
  const infer: FakeOptions['infer'] = async (request, count) => {
    const turn = (last.get(request.modelName) ?? Promise.resolve()).then(() =>
      Bun.sleep(count < 4 ? 1600 : 0),
    )
    last.set(request.modelName, turn)
    await turn
    return right(request)
  }
  const { code, stderr } = await on({ infer }, ...TIMEOUT)
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  expect(stderr).not.toContain('cannot be used now')
})

test('a server that refuses ends the run at once, beside others as well', async () => {
  using fine = await startFake()
  const refusing = (refused: StatusName) => {
    return startFake({ infer: (request, count) => (count < 6 ? right(request) : refused) })
  }
  using closed = await startFake({ refuse: () => 'UNAUTHENTICATED' })
  using later = await refusing('UNAUTHENTICATED')
  using again = await refusing('UNAUTHENTICATED')
  using denied = await refusing('PERMISSION_DENIED')
  using absent = await startFake({ refuse: () => 'UNIMPLEMENTED' })
  const cases = [
    [[closed], 'UNAUTHENTICATED'],
    [[fine, closed], 'UNAUTHENTICATED'],
    [[later], 'UNAUTHENTICATED'],
    [[again, fine], 'UNAUTHENTICATED'],
    [[denied], 'PERMISSION_DENIED'],
    [[absent], 'UNIMPLEMENTED'],
  ] as const
  const ends = await Promise.all(cases.map(([servers]) => predict(servers)))
  for (const [i, { code, stderr, hasTable, seconds }] of ends.entries()) {
    expect(stderr).toContain(`(${cases[i]![1]}: as it was told)`)
    expect({ code, hasTable }).toEqual({ code: 69, hasTable: false })
    expect(seconds).toBeLessThan(30)
  }
})

test('an answer that is not one of the model never gets into a table', async () => {
  const wrongs: NonNullable<FakeOptions['infer']>[] = [
    (request) => ({ ...right(request), modelVersion: '1' }),
    (request) => ({ ...right(request), modelVersion: '' }),
    (request) => ({ ...right(request), modelName: 'esm3' }),
    (request) => right(request, 31),
  ]
  const ends = await Promise.all(
    wrongs.map((wrong) => {
      const infer: FakeOptions['infer'] = (request, count) =>
        count < 6 ? right(request) : wrong(request, count)
      return on({ infer }, '--server-timeout', '2')
    }),
  )
  for (const { code, stderr, hasTable } of ends) {
    expect(stderr).toContain('cannot be used now (it answered')
    expect({ code, hasTable }).toEqual({ code: 75, hasTable: false })
  }
})

test('a server that has another model by now is not used, and the other one does the work', async () => {
  using gone = await startFake({ infer: (request, count) => (count < 4 ? right(request) : 'NOT_FOUND') })
  using fine = await startFake()
  const { code, stderr } = await predict([gone, fine])
  expect(stderr).toMatch(
    /esm2 at \S+ cannot be used now \(it no longer has model [0-9a-f]{12} in fp32 \(version \d+\)/,
  )
  expect(code).toBe(0)
})

test('every request names the version that stands for the model', async () => {
  const seen = new Set<string>()
  using server = await startFake({
    infer: (request) => {
      seen.add(`${request.modelName} ${request.modelVersion}`)
      return right(request)
    },
  })
  expect((await predict([server])).code).toBe(0)
  expect([...seen].sort()).toEqual([`dnabert_s ${demoVersion('dnabert_s')}`, `esm2 ${demoVersion('esm2')}`])
})

test('a server that does not say what it hosts is used only where it is trusted', async () => {
  using server = await startFake({ parameters: { digest: undefined } })
  const refused = await predict([server])
  expect(refused.stderr).toMatch(
    /does not say which model it hosts.*repository build --force.*--trust-server/s,
  )
  expect({ code: refused.code, hasTable: refused.hasTable }).toEqual({ code: 64, hasTable: false })
  const trusted = await predict([server], ['--trust-server'])
  expect(trusted.stderr).toMatch(
    /warning: the server \S+ does not say which model it hosts as esm2 and dnabert_s/i,
  )
  expect(trusted.code).toBe(0)
})

test('servers of different precision are not mixed', async () => {
  using one = await startFake()
  using other = await startFake({ parameters: { precision: 'bf16', digest: 'b'.repeat(64) } })
  const { code, stderr } = await predict([one, other])
  expect(stderr).toContain(`esm2 at ${one.url} computes model`)
  expect(stderr).toMatch(new RegExp(`in fp32, and esm2 at ${other.url} computes model bbbbbbbbbbbb in bf16`))
  expect(code).toBe(64)
  // Trust does not make one precision of two.
  using old = await startFake({ parameters: { precision: 'bf16', digest: undefined } })
  expect((await predict([one, old], ['--trust-server'])).code).toBe(64)
})

test('a server in the precision of the bundle must have the models of the bundle, graph for graph', async () => {
  using server = await startFake({ parameters: { digest: 'c'.repeat(64) } })
  const { code, stderr } = await predict([server])
  expect(stderr).toContain('but with other graphs or weights')
  expect(code).toBe(64)
})

test('log, summary, report and state name what each server hosts', async () => {
  using server = await startFake()
  const { code, stderr, output } = await predict([server], [], 'recorded')
  expect(code).toBe(0)
  const address = server.url.slice('grpc://'.length)
  const version = demoVersion('esm2')
  expect(stderr).toMatch(
    new RegExp(`server ${address}: fake 1.0; esm2 in fp32, digest [0-9a-f]{12}, version ${version}`),
  )
  const summary = JSON.parse(await Bun.file(join(output, 'in_report/summary.json')).text())
  expect(summary.servers).toEqual([
    {
      address,
      program: 'fake 1.0',
      esm2: { digest: expect.stringMatching(/^[0-9a-f]{64}$/), precision: 'fp32', version },
      dnabert_s: { digest: expect.any(String), precision: 'fp32', version: demoVersion('dnabert_s') },
    },
  ])
  const page = await Bun.file(join(output, 'in_report/report.html')).text()
  expect(page).toContain(`Server ${address}`)
  expect(page).toContain(summary.servers[0].esm2.digest)
})

test('a run is continued in the precision that it began with, and in no other', async () => {
  // Of the same weights in another precision, which may stand in for the bundle's own.
  let mute = false
  const parameters = { precision: 'bf16', digest: 'b'.repeat(64) }
  using bf16 = await startFake({
    parameters,
    infer: (request, count) => {
      mute ||= count === 8
      return mute ? undefined : right(request)
    },
  })
  expect((await predict([bf16], ['--server-timeout', '1'], 'precision')).code).toBe(75)
  using fp32 = await startFake()
  const refused = await predict([fp32], [], 'precision')
  expect(refused.stderr).toMatch(/models: \S+, esm2 in bf16 bbbbbbbbbbbb, dnabert_s in bf16 bbbbbbbbbbbb -> /)
  expect(refused.code).toBe(64)
  mute = false
  const { code, stderr } = await predict([bf16], [], 'precision')
  expect(stderr).toContain('continuing the unfinished run')
  expect(code).toBe(0)
})

test('a server that was down and comes back with its door closed ends the run, too', async () => {
  let closed = false
  using server = await startFake({
    infer: (request, count) => {
      closed ||= count === 6
      return closed ? 'UNAVAILABLE' : right(request)
    },
    refuse: () => (closed ? 'UNAUTHENTICATED' : undefined),
  })
  const { code, stderr, hasTable } = await predict([server])
  expect(stderr).toContain('(UNAUTHENTICATED: as it was told)')
  expect({ code, hasTable }).toEqual({ code: 69, hasTable: false })
})
