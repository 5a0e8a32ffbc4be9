import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { isInstalled } from './installed.ts'

/** A real Triton Inference Server with its Python backend, made by scripts/test-triton.sh. */
export const tritonServer =
  process.env.VIRNUCPRO_TEST_TRITON ?? resolve(import.meta.dir, '../../.cache/triton/tritonserver')

/** True where that server is present. */
export const hasTriton = isInstalled(tritonServer, 'scripts/test-triton.sh')

export interface Ports {
  readonly http: number
  readonly grpc: number
  readonly metrics: number
}

export interface TritonOptions {
  /** Folder with one folder per model. */
  readonly repository: string
  /** Loads these only and lets clients load and unload; without it every model of the repository is loaded. */
  readonly models?: readonly string[]
  /** More options for the server; a later one replaces an earlier one of the same name. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** To start a server again where one was before; free ports otherwise. */
  readonly ports?: Ports
  /** Words before the command that start it in another network, where it listens at every address. */
  readonly within?: readonly string[]
}

export interface TritonServer extends AsyncDisposable {
  readonly grpcUrl: string
  readonly httpUrl: string
  readonly metricsUrl: string
  readonly ports: Ports
  /** Of the server; also its process group, which its Python processes belong to. */
  readonly pid: number
  /** SIGTERM, and waits until the server has drained: about 4 s. Resolves to its exit code. */
  stop(): Promise<number>
  /** To every process of the server. With SIGKILL it waits until they are gone and tidies up. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** What it has printed so far. */
  log(): string
}

/**
 * Starts a server and waits until every model is ready. Several may run side by side: each has its own process group
 * and its own prefix in /dev/shm, and disposing of it (`await using`) takes both away.
 *
 * @throws with the server's log when it does not become ready
 */
export async function startTriton(options: TritonOptions): Promise<TritonServer> {
  for (let attempt = 1; ; attempt++) {
    const server = new RunningTriton(options, options.ports ?? (await freePorts()))
    try {
      await server.ready()
      return server
    } catch (error) {
      const log = server.log()
      await server.kill('SIGKILL')
      // Between the search for free ports and the moment when it listens, another program may take one.
      const isTaken = options.ports === undefined && log.includes('already in use')
      if (!isTaken || attempt === 3)
        throw new Error(`${error instanceof Error ? error.message : error}\n${log}`)
    }
  }
}

const READY_TIMEOUT_MS = 100_000

class RunningTriton implements TritonServer {
  readonly grpcUrl: string
  readonly httpUrl: string
  readonly metricsUrl: string
  readonly ports: Ports
  readonly pid: number
  readonly #child: ChildProcess
  readonly #isElsewhere: boolean
  readonly #folder = mkdtempSync(join(tmpdir(), 'virnucpro-triton-'))
  readonly #prefix = `virnucpro_test_${process.pid}_${crypto.randomUUID().slice(0, 8)}_`
  readonly #exited: Promise<number>
  #log: string | undefined

  constructor({ repository, models, args, env, within = [] }: TritonOptions, ports: Ports) {
    this.ports = ports
    this.#isElsewhere = within.length > 0
    const address = this.#isElsewhere ? '0.0.0.0' : '127.0.0.1'
    const [program = '', ...words] = [...within, tritonServer]
    this.grpcUrl = `grpc://127.0.0.1:${ports.grpc}`
    this.httpUrl = `http://127.0.0.1:${ports.http}`
    this.metricsUrl = `http://127.0.0.1:${ports.metrics}/metrics`
    const log = openSync(this.#logPath, 'w')
    this.#child = spawn(
      program,
      [
        ...words,
        `--model-repository=${resolve(repository)}`,
        '--disable-auto-complete-config',
        ...['http', 'grpc', 'metrics'].map((name) => `--${name}-address=${address}`),
        `--http-port=${ports.http}`,
        `--grpc-port=${ports.grpc}`,
        `--metrics-port=${ports.metrics}`,
        `--backend-config=python,shm-region-prefix-name=${this.#prefix}`,
        ...(models === undefined
          ? []
          : ['--model-control-mode=explicit', ...models.map((name) => `--load-model=${name}`)]),
        ...(args ?? []),
      ],
      // `detached` makes it the leader of a new process group.
      { detached: true, stdio: ['ignore', log, log], env: { ...process.env, ...env } },
    )
    closeSync(log)
    this.pid = this.#child.pid ?? -1
    this.#exited = new Promise((settle) => {
      this.#child.once('exit', (code, signal) => settle(code ?? (signal === null ? -1 : 128)))
      this.#child.once('error', () => settle(-1))
    })
    // A test run that ends early must not leave a server behind.
    process.once('exit', this.#tidyUp)
  }

  get #logPath(): string {
    return join(this.#folder, 'log')
  }

  get #running(): boolean {
    return this.pid > 0 && this.#child.exitCode === null && this.#child.signalCode === null
  }

  log(): string {
    return this.#log ?? readFileSync(this.#logPath, 'utf8')
  }

  async ready(): Promise<void> {
    const end = Date.now() + READY_TIMEOUT_MS
    while (Date.now() < end) {
      if (!this.#running) throw new Error(`the server ended with ${await this.#exited} before it was ready`)
      if (this.#isElsewhere) {
        // Nobody here reaches it. It opens HTTP once its models are ready.
        if (this.log().includes('Started HTTPService')) return
        await Bun.sleep(50)
        continue
      }
      // A connection kept open would hold back a later stop until --exit-timeout-secs.
      const answer = await fetch(`${this.httpUrl}/v2/health/ready`, {
        headers: { connection: 'close' },
        keepalive: false,
      }).catch(() => undefined)
      // Another program on the port may have answered: ask only while the server lives.
      if (answer?.ok === true && this.#running) return
      await Bun.sleep(50)
    }
    throw new Error(`the server was not ready within ${READY_TIMEOUT_MS / 1000} s`)
  }

  async stop(): Promise<number> {
    if (this.#running) process.kill(this.pid, 'SIGTERM')
    const code = await this.#exited
    this.#tidyUp()
    return code
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    killGroup(this.pid, signal)
    if (signal !== 'SIGKILL') return
    await this.#exited
    this.#tidyUp()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL')
  }

  /** Safe to call again; synchronous, so that it works while the process exits. */
  readonly #tidyUp = (): void => {
    process.removeListener('exit', this.#tidyUp)
    killGroup(this.pid, 'SIGKILL')
    for (const name of readdirSync('/dev/shm')) {
      if (name.startsWith(this.#prefix)) rmSync(join('/dev/shm', name), { force: true })
    }
    if (existsSync(this.#folder)) {
      this.#log = this.log()
      rmSync(this.#folder, { recursive: true, force: true })
    }
  }
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  if (pid <= 0) return
  try {
    process.kill(-pid, signal)
  } catch {
    // Nobody of the group is left.
  }
}

/** The folder with the files of a model, `MODEL/VERSION` in a repository that has one version of it. */
export function versionFolder(repository: string, model: string): string {
  const [version, ...more] = readdirSync(join(repository, model)).filter((name) => /^\d+$/.test(name))
  if (version === undefined || more.length > 0)
    throw new Error(`${repository}/${model}: expected one version`)
  return join(repository, model, version)
}

/** Three ports that nothing listens on; all are held at once, so that they differ. */
export async function freePorts(): Promise<Ports> {
  const servers = [0, 1, 2].map(() => createServer().listen(0, '127.0.0.1'))
  const [http = 0, grpc = 0, metrics = 0] = await Promise.all(
    servers.map(async (server) => {
      await new Promise((done) => server.once('listening', done))
      const address = server.address()
      return typeof address === 'object' && address !== null ? address.port : 0
    }),
  )
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return { http, grpc, metrics }
}
