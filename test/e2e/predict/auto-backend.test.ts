import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeRandomMlp } from '../../../scripts/support/random-models.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton, startTriton, tritonServer } from '../../../scripts/support/triton.ts'
import { openBundle, resolveBundle } from '../../../src/bundle/index.ts'
import { addClassifiers } from '../../../src/import/index.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { resealBundle } from '../../support/bundle.ts'
import { virnucpro } from '../../support/cli.ts'
import { spawnCli } from '../cli/support.ts'
import { descendants, isAlive, isFree, processesOf, regionsOf, serve, slowDown } from '../serve/support.ts'

/** The bundle of the demonstration with a second classifier. */
async function withClassifier(bundle: string, chunkLength: number): Promise<string> {
  cpSync(resolveBundle('demo'), bundle, { recursive: true })
  resealBundle(bundle, ({ models }) => {
    models.mlp.chunkLength = 500
  })
  const { input, hidden } = (await openBundle(bundle)).manifest.models.mlp
  const mlp = `${bundle}.safetensors`
  await writeRandomMlp(mlp, 5, input, hidden)
  await addClassifiers({ bundle, mlp: { [chunkLength]: mlp } })
  return bundle
}

describe.skipIf(!hasTriton)('what computes when no server is named', () => {
  const folder = temporaryFolder()
  const repository = folder.join('repository')
  let input = ''
  let embedded = ''

  const words = (output: string, ...more: string[]) => [
    ...['predict', input, '--output-dir', folder.join(output), '--bundle', 'demo', ...more],
  ]
  const tables = (output: string) =>
    readFile(folder.join(output, 'reads_merged/prediction_results.txt'), 'utf8')
  const frames = (text: string) =>
    text
      .trim()
      .split('\n')
      .slice(2)
      .map((line) => line.split('\t'))

  /** The frames in their order, and the scores within 2e-5. */
  async function sameAsEmbedded(output: string) {
    const [here, there] = [frames(await tables(output)), frames(embedded)]
    expect(here.map(([id]) => id)).toEqual(there.map(([id]) => id))
    expect(Math.max(...here.map((row, i) => Math.abs(Number(row[3]) - Number(there[i]?.[3]))))).toBeLessThan(
      2e-5,
    )
  }

  beforeAll(async () => {
    await buildRepository({ bundle: 'demo', backend: 'python', output: repository, threads: 1 })
    input = folder.join('reads.fasta')
    // Without T there is no stop codon on one strand.
    const reads = Array.from({ length: 80 }, (_, i) => `>r${i}\n${'ACGC'.repeat(30 + i)}${'GAC'.repeat(i)}\n`)
    await writeFile(input, reads.join(''))
    const { code, stderr } = await virnucpro(words('embedded', '--backend', 'onnx'))
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    embedded = await tables('embedded')
    expect(frames(embedded).length).toBeGreaterThan(20)
  })

  afterAll(() => folder[Symbol.asyncDispose]())

  test('this process where there is no server and no GPU, said once', async () => {
    const { code, stderr } = await virnucpro(words('alone', '--server-bin', tritonServer), undefined, {
      CUDA_VISIBLE_DEVICES: '',
    })
    expect(code).toBe(0)
    expect(stderr.match(/computing in this process: no inference server was named or started/g)).toHaveLength(
      1,
    )
    expect(await tables('alone')).toBe(embedded)
  })

  test('the servers that serve of the same user has started, and nobody else knows of', async () => {
    const runtime = privateFolder('shared')
    const running = await serve(repository, ['--per-gpu'], {
      CUDA_VISIBLE_DEVICES: '0,1',
      XDG_RUNTIME_DIR: runtime,
    })
    await running.ready()
    const notes = readdirSync(join(runtime, 'virnucpro'))
    expect(notes.length).toBe(2)
    for (const name of notes) expect(statSync(join(runtime, 'virnucpro', name)).mode & 0o777).toBe(0o600)
    const [one, two] = running.printed.out.trim().split(',')
    const { code, stderr } = await virnucpro(words('found'), undefined, { XDG_RUNTIME_DIR: runtime })
    expect(stderr).toContain(`using the servers that you have started at ${one}, ${two}. --backend onnx`)
    expect(code).toBe(0)
    await sameAsEmbedded('found')

    // Whatever classifier the run has: servers host the language models alone.
    const bundle = await withClassifier(folder.join('two-lengths'), 300)
    const again = ['--bundle', bundle, '--model-type', '300', '--output-dir', folder.join('short')]
    const short = await virnucpro(['predict', input, ...again], undefined, { XDG_RUNTIME_DIR: runtime })
    expect(short.stderr).toContain(`using the servers that you have started at ${one}, ${two}`)
    expect(short.code).toBe(0)

    const other = await virnucpro(words('unknown'), undefined, {
      XDG_RUNTIME_DIR: privateFolder('other'),
      CUDA_VISIBLE_DEVICES: '',
    })
    expect(other.stderr).toContain('computing in this process')
    expect(await tables('unknown')).toBe(embedded)

    // Nor are notes believed that somebody else may have written.
    const uses = async (output: string, path: string, more: Record<string, string> = {}) => {
      const env = { CUDA_VISIBLE_DEVICES: '', XDG_RUNTIME_DIR: path, ...more }
      const { stderr } = await virnucpro(words(output), undefined, env)
      return stderr.includes('using the servers that you have started')
    }
    symlinkSync(runtime, folder.join('runtime-link'))
    expect(await uses('link', folder.join('runtime-link'))).toBe(false)
    const inner = privateFolder('inner')
    symlinkSync(join(runtime, 'virnucpro'), join(inner, 'virnucpro'))
    expect(await uses('inner', inner)).toBe(false)
    chmodSync(join(runtime, 'virnucpro'), 0o770)
    expect(await uses('writable', runtime)).toBe(false)
    chmodSync(join(runtime, 'virnucpro'), 0o700)
    if (process.getuid?.() === 0) {
      // In a folder for temporary files that all share, another user was first to take the name.
      const shared = folder.join('shared-temporary')
      const squatted = join(shared, 'virnucpro-0')
      cpSync(join(runtime, 'virnucpro'), squatted, { recursive: true })
      chmodSync(squatted, 0o700)
      expect(await uses('own', '', { TMPDIR: shared })).toBe(true)
      chownSync(squatted, 65_534, 65_534)
      expect(await uses('squatted', '', { TMPDIR: shared })).toBe(false)
    }

    running.child.kill('SIGTERM')
    await running.ended()
    expect(readdirSync(join(runtime, 'virnucpro'))).toEqual([])
  })

  test('not a server of serve whose models were made from other weights, or from who knows which', async () => {
    const runtime = privateFolder('unsuitable')
    for (const [name, change, reason] of [
      ['other', (text: string) => text.replace(/[0-9a-f]{64}/, 'f'.repeat(64)), 'made from other weights'],
      [
        'silent',
        (text: string) => text.replace('key: "source"', 'key: "origin"'),
        'took its place. Build its repository with this version (virnucpro repository build --force)',
      ],
    ] as const) {
      const path = folder.join(`repository-${name}`)
      await buildRepository({ bundle: 'demo', backend: 'python', output: path, threads: 1 })
      const config = join(path, 'esm2/config.pbtxt')
      const text = await readFile(config, 'utf8')
      expect(change(text)).not.toBe(text)
      await writeFile(config, change(text))
      const running = await serve(path, [], { XDG_RUNTIME_DIR: runtime })
      await running.ready()
      const { code, stderr } = await virnucpro(words(name), undefined, {
        CUDA_VISIBLE_DEVICES: '',
        XDG_RUNTIME_DIR: runtime,
      })
      running.child.kill('SIGKILL')
      expect(stderr).toContain(`not using the server that you have started at ${running.printed.out.trim()}`)
      expect(stderr).toContain(reason)
      expect(code).toBe(0)
      expect(await tables(name)).toBe(embedded)
      await running.ended()
    }
  })

  test('not a server that nobody named, whatever it says of itself; the option that would use it is told', async () => {
    await using server = await startTriton({ repository, ports: await firstUsualPorts() })
    const { code, stderr } = await virnucpro(words('stranger'), undefined, {
      CUDA_VISIBLE_DEVICES: '',
    })
    expect(stderr).toContain(`nothing is sent to it. To use it: --triton ${server.grpcUrl}`)
    expect(stderr).toContain('computing in this process')
    expect(code).toBe(0)
    expect(await tables('stranger')).toBe(embedded)
  })

  test('not what listens where a server of serve once was', async () => {
    const runtime = privateFolder('stale')
    const env = { CUDA_VISIBLE_DEVICES: '', XDG_RUNTIME_DIR: runtime }
    const running = await serve(repository, [], env)
    await running.ready()
    const notes = join(runtime, 'virnucpro')
    const [name = ''] = readdirSync(notes)
    const note = await readFile(join(notes, name), 'utf8')
    for (const pid of [running.child.pid, ...descendants(running.child.pid)]) process.kill(pid, 'SIGKILL')
    await running.ended()

    await using impostor = await startTriton({ repository, ports: running.ports })
    const before = await inferences(impostor.httpUrl)
    const start = startOf(impostor.pid)
    const rewritten = JSON.stringify({ ...JSON.parse(note), pid: impostor.pid, started: start })
    for (const [output, text, left] of [
      ['stale', note, 0],
      // A process id that was used again, for the very program that listens there now.
      ['reused', rewritten, 1],
    ] as const) {
      await writeFile(join(notes, name), text, { mode: 0o600 })
      const { code, stderr } = await virnucpro(words(output), undefined, env)
      expect(stderr).toContain('computing in this process')
      expect(code).toBe(0)
      expect(await tables(output)).toBe(embedded)
      expect(readdirSync(notes).length).toBe(left)
    }
    expect(await inferences(impostor.httpUrl)).toBe(before)
  })

  test('a server that takes the place of one that has ended gets nothing of a run under way', async () => {
    const runtime = privateFolder('replaced')
    const env = { CUDA_VISIBLE_DEVICES: '', XDG_RUNTIME_DIR: runtime }
    const running = await serve(await slowRepository(), [], env)
    await running.ready()
    const run = virnucpro(slowWords('replaced', '--server-timeout', '6'), undefined, env)
    await begun('replaced')
    for (const pid of [running.child.pid, ...descendants(running.child.pid)]) process.kill(pid, 'SIGKILL')
    await running.ended()
    await using impostor = await startTriton({ repository, ports: running.ports })
    const before = await inferences(impostor.httpUrl)
    const { code, stderr } = await run
    expect(stderr).toContain('no inference server has')
    expect(code).toBe(75)
    expect(await inferences(impostor.httpUrl)).toBe(before)
  })

  test('a server started for the run where a GPU is said to be there; nothing of it is left', async () => {
    const { code, stderr } = await virnucpro(
      words('started', '--repository', repository, '--server-bin', tritonServer, '--gpus', '1'),
      undefined,
      { CUDA_VISIBLE_DEVICES: '5,7' },
    )
    expect(stderr).toContain(`starting a server with the models of ${repository}`)
    expect(stderr).toContain('GPU 7: ')
    expect(code).toBe(0)
    await sameAsEmbedded('started')
    expect(processesOf(repository)).toEqual([])
    expect(abandonedRegions()).toEqual([])
  })

  test('a GPU that is not there is named', async () => {
    const { code, stderr } = await virnucpro(
      words('absent', '--repository', repository, '--server-bin', tritonServer, '--gpus', '4'),
      undefined,
      { CUDA_VISIBLE_DEVICES: '0,1' },
    )
    expect(stderr).toContain('there is no GPU 4 on this machine (0 to 1)')
    expect(code).toBe(64)
  })

  test('a server started for the run that is killed is started again, and the run goes on', async () => {
    const path = await slowRepository()
    const start = ['--backend', 'triton', '--repository', path, '--server-bin', tritonServer]
    const run = virnucpro(slowWords('dies', ...start))
    await begun('dies')
    for (const pid of processesOf(path)) process.kill(pid, 'SIGKILL')
    const { code, stderr } = await run
    expect(stderr).toMatch(
      /the server at grpc:\/\/127\.0\.0\.1:\d+ was killed .*; it is started again in 1 s/,
    )
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    await sameAsEmbedded('dies')
    expect(processesOf(path)).toEqual([])
  })

  test('SIGKILL of the run takes its server with it', async () => {
    const path = await slowRepository()
    const start = ['--backend', 'triton', '--repository', path, '--server-bin', tritonServer]
    const run = spawnCli(slowWords('killed', ...start))
    await begun('killed')
    const processes = descendants(run.pid)
    expect(processes.length).toBeGreaterThanOrEqual(5)
    run.kill('SIGKILL')
    while (processes.some(isAlive) || regionsOf(run.pid).length > 0) await Bun.sleep(50)
  })

  test('one that does not come back in time ends the run, and the same command continues it', async () => {
    const path = await slowRepository()
    const start = ['--backend', 'triton', '--repository', path, '--server-bin', tritonServer]
    const run = virnucpro(slowWords('lost', ...start, '--server-timeout', '3'))
    await begun('lost')
    await writeFile(join(path, 'esm2/config.pbtxt'), 'name: "esm2" bakend: "python"')
    for (const pid of processesOf(path)) process.kill(pid, 'SIGKILL')
    const { code, stderr } = await run
    expect(stderr).toContain('give the same command again')
    expect(code).toBe(75)
    expect(processesOf(path)).toEqual([])
    const resumed = await virnucpro(words('lost', '--backend', 'onnx', '--token-budget', '1500'))
    expect(resumed.stderr).toContain('continuing the unfinished run')
    expect(resumed.code).toBe(0)
    await sameAsEmbedded('lost')
  })

  /** A run that computes some seconds on the models of {@link slowRepository}. */
  const slowWords = (output: string, ...more: string[]) =>
    words(output, '--token-budget', '1500', '--verbose', '--log-file', folder.join(`${output}.log`), ...more)

  async function begun(output: string): Promise<void> {
    const log = () => readFile(folder.join(`${output}.log`), 'utf8').catch(() => '')
    while (!(await log()).includes('computed esm2')) await Bun.sleep(20)
  }

  function privateFolder(name: string): string {
    const path = folder.join(`runtime-${name}`)
    mkdirSync(path, { mode: 0o700 })
    return path
  }

  /** Models that take a while, so that a run is still under way when something happens. */
  async function slowRepository(): Promise<string> {
    const path = folder.join('repository-slow')
    if (existsSync(path)) return path
    await buildRepository({ bundle: 'demo', backend: 'python', output: path, threads: 1, placement: 'copy' })
    await slowDown(path, 0.2)
    return path
  }
})

/** The first ports that nobody has where `serve` has its servers unless told otherwise: all before them are taken. */
async function firstUsualPorts() {
  for (let http = 8000; ; http += 3)
    if (await isFree(http + 1)) {
      const free = await freePorts()
      return { ...free, grpc: http + 1 }
    }
}

/** Requests that a server's models have computed. */
async function inferences(httpUrl: string): Promise<number> {
  const answer = await fetch(`${httpUrl}/v2/models/stats`, { headers: { connection: 'close' } })
  const { model_stats } = (await answer.json()) as { model_stats: { inference_count?: number }[] }
  expect(model_stats.length).toBe(4)
  return model_stats.reduce((sum, { inference_count = 0 }) => sum + inference_count, 0)
}

function startOf(pid: number): string | undefined {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]
}

/** Shared memory of servers whose starter is gone; that of one who lives is somebody's who works beside the tests. */
function abandonedRegions(): string[] {
  return readdirSync('/dev/shm').filter((name) => {
    const starter = /^virnucpro_(\d+)_/.exec(name)?.[1]
    return starter !== undefined && !existsSync(`/proc/${starter}`)
  })
}
