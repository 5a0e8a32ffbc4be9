import { expect, test } from 'bun:test'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, tritonServer } from '../../../scripts/support/triton.ts'
import { startServer } from '../../../src/server/serve/index.ts'
import { virnucpro } from '../cli/support.ts'
import {
  demoRepository,
  descendants,
  healthy,
  isAlive,
  portsInSteps,
  regionsOf,
  serve,
  slowDown,
} from './support.ts'

const withServer = test.skipIf(!hasTriton)

withServer('a server that crashes while it starts is started again, twice at most', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  const program = async (name: string, condition: string) => {
    const script = `#!/bin/sh\n${condition} || kill -ABRT $$\nexec '${tritonServer}' "$@"\n`
    await writeFile(folder.join(name), script, { mode: 0o755 })
    return folder.join(name)
  }
  const said: string[] = []
  const say = (line: string) => said.push(line)
  const logger = { error: say, warn: say, info: () => {}, debug: () => {} }
  const start = async (serverBin: string) =>
    await startServer({ repository, serverBin, ports: await portsInSteps(), logger })
  const once = await program('once', `! mkdir ${folder.join('crashed')} 2>/dev/null`)
  await using server = await start(once)
  expect(await healthy(Number(new URL(server.endpoints[0]?.httpUrl ?? '').port))).toBe(true)
  expect(said).toEqual(['the server was ended by SIGABRT before it was ready; it is started again'])
  said.length = 0
  await expect(start(await program('always', 'false'))).rejects.toThrow(
    'the server was ended by SIGABRT before it was ready',
  )
  expect(said).toHaveLength(2)
})

withServer(
  'one of two servers is killed: the other goes on, it returns, and the run ends as without',
  async () => {
    await using folder = temporaryFolder()
    const repository = await demoRepository(folder.join('repository'))
    await slowDown(repository, 0.15)
    const input = folder.join('reads.fasta')
    // Without T there is no stop codon on one strand.
    const reads = Array.from({ length: 30 }, (_, i) => `>r${i}\n${'ACGC'.repeat(30 + i)}${'GAC'.repeat(i)}\n`)
    await writeFile(input, reads.join(''))
    const words = (output: string, ...more: string[]) => [
      ...['predict', input, '--output-dir', folder.join(output), '--bundle', 'demo', '--token-budget', '300'],
      ...more,
    ]
    const alone = virnucpro(words('alone', '--backend', 'onnx'))
    const running = await serve(repository, ['--per-gpu'], { CUDA_VISIBLE_DEVICES: '0,1' })
    await running.ready()
    const { child, printed } = running
    const urls = printed.out.trim()
    const [first, second] = serversOf(child.pid)
    expect(urls.split(',').length).toBe(2)
    const log = folder.join('log')
    const run = virnucpro(words('run', '--triton', urls, '--verbose', '--log-file', log))
    while (!(await readFile(log, 'utf8').catch(() => '')).includes('computed esm2')) await Bun.sleep(20)
    const itsProcesses = descendants(first ?? -1)
    process.kill(first ?? -1, 'SIGKILL')

    const { code, err } = await run
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' })
    expect((await alone).code).toBe(0)
    const rows = async (output: string) =>
      (await readFile(folder.join(output, 'reads_merged/prediction_results.txt'), 'utf8'))
        .split('\n')
        .filter((line) => line.startsWith('r'))
        .map((line) => line.split('\t'))
    const [here, there] = [await rows('run'), await rows('alone')]
    expect(there.length).toBeGreaterThan(10)
    expect(here.map(([id]) => id)).toEqual(there.map(([id]) => id))
    expect(Math.max(...here.map((row, i) => Math.abs(Number(row[3]) - Number(there[i]?.[3]))))).toBeLessThan(
      2e-5,
    )

    const port = Number(urls.split(',')[0]?.split(':').at(-1))
    while (!printed.err.includes('is ready again')) await Bun.sleep(20)
    expect(printed.err).toContain(
      `the server at grpc://127.0.0.1:${port} was killed (was the memory used up?); it is started again in 1 s`,
    )
    expect(err).toMatch(new RegExp(`at grpc://127.0.0.1:${port} (does not answer|cannot be used)`))
    expect(err).toMatch(new RegExp(`at grpc://127.0.0.1:${port} answers again`))
    expect(await healthy(port - 1)).toBe(true)
    expect(serversOf(child.pid)).toContain(second ?? -1)
    expect(serversOf(child.pid)).not.toContain(first ?? -1)
    // What the dead one had is gone.
    expect(itsProcesses.filter(isAlive)).toEqual([])
    expect(regionsOf(child.pid).length).toBe(8)

    const processes = descendants(child.pid)
    child.kill('SIGTERM')
    expect((await running.ended()).code).toBe(143)
    expect(processes.filter(isAlive)).toEqual([])
    expect(regionsOf(child.pid)).toEqual([])
  },
)

withServer(
  'a server that never comes back is given up, the other one goes on; a silent one is told of',
  async () => {
    await using folder = temporaryFolder()
    const broken = folder.join('broken')
    const serverBin = folder.join('server')
    writeFileSync(
      serverBin,
      `#!/bin/sh\n[ -e '${broken}' ] && { echo 'error: no luck' >&2; exit 3; }\nexec ${tritonServer} "$@"\n`,
    )
    chmodSync(serverBin, 0o755)
    const said: string[] = []
    const note = (message: string) => void said.push(message)
    await using server = await startServer({
      repository: await demoRepository(folder.join('repository')),
      serverBin,
      ports: await portsInSteps(),
      gpus: ['0', '1'],
      drainTimeout: 5,
      restart: { pauseMs: 50, most: 3, askMs: 100 },
      logger: { debug() {}, info: note, warn: note, error: note },
    })
    const [first, second] = server.endpoints
    const until = async (text: string) => {
      while (!said.some((message) => message.includes(text))) await Bun.sleep(20)
    }
    let ended: unknown
    server.ended.catch((error) => {
      ended = error
    })

    process.kill(second?.pid ?? -1, 'SIGSTOP')
    writeFileSync(broken, '')
    process.kill(first?.pid ?? -1, 'SIGKILL')
    await until('one other goes on')
    const notes = said.filter((message) => message.includes(`the server at ${first?.grpcUrl}`))
    expect(notes[0]).toEndWith('was killed (was the memory used up?); it is started again in 0.05 s')
    expect(notes[1]).toEndWith('could not be started again; it is started again in 0.1 s')
    expect(said[said.indexOf(notes[1] ?? '') + 1]).toContain('the server ended with exit code 3')
    expect(said).toContain('  error: no luck')
    expect(notes[2]).toEndWith(
      'could not be started again; after 3 times in a row it is given up; one other goes on',
    )
    expect(server.serves(first?.grpcUrl ?? '')).toBe(false)

    await until(`does not answer although its process ${second?.pid} runs`)
    process.kill(second?.pid ?? -1, 'SIGCONT')
    await until(`the server at ${second?.grpcUrl} answers again`)
    expect(ended).toBeUndefined()
    expect(server.serves(second?.grpcUrl ?? '')).toBe(true)

    process.kill(second?.pid ?? -1, 'SIGKILL')
    await server.ended.catch(() => {})
    expect(String(ended)).toContain(`the server at ${second?.grpcUrl} could not be started again`)
    expect(ended).toMatchObject({ kind: 'tryAgain' })
  },
)

withServer('serve can be stopped while its server is being started again', async () => {
  await using folder = temporaryFolder()
  const running = await serve(await demoRepository(folder.join('repository')))
  await running.ready()
  const { child, printed } = running
  const processes = descendants(child.pid)
  process.kill(serversOf(child.pid)[0] ?? -1, 'SIGKILL')
  while (!printed.err.includes('started again in 1 s')) await Bun.sleep(20)
  child.kill('SIGTERM')
  expect((await running.ended()).code).toBe(143)
  expect(processes.filter(isAlive)).toEqual([])
  expect(regionsOf(child.pid)).toEqual([])
})

function serversOf(pid: number): number[] {
  return descendants(pid).filter((each) => {
    try {
      return readFileSync(`/proc/${each}/cmdline`, 'utf8').includes('--model-repository=')
    } catch {
      return false
    }
  })
}
