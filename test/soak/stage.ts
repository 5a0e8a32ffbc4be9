import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../scripts/support/fasta.ts'
import { type TemporaryFolder, temporaryFolder } from '../../scripts/support/temporary.ts'
import { tritonServer } from '../../scripts/support/triton.ts'
import { demoRepository, healthy, isAlive, portsInSteps, slowDown } from '../e2e/serve/support.ts'
import { writeRandomModels } from '../integration/import/support/models.ts'
import { repository as checkout, spawnCli, succeed } from '../support/cli.ts'
import { Wire } from '../support/faults/wire.ts'
import type { Places } from './commands.ts'
import { MARK, marked, partsOf } from './processes.ts'
import { textOf } from './text.ts'

/** Time that a batch takes longer on a server, so that faults meet commands in full swing. */
const BATCH_SECONDS = 0.01
const SERVER_PATIENCE_MS = 180_000

type Ports = Awaited<ReturnType<typeof portsInSteps>>

/** `virnucpro serve` at ports that stay, to be started again after it was killed. */
export class Served {
  readonly ports: Ports
  readonly #words: readonly string[]
  readonly #env: Record<string, string>
  readonly #count: number
  #child: ReturnType<typeof spawnCli> | undefined
  #messages = ''

  constructor(repository: string, ports: Ports, count: number, env: Record<string, string>) {
    this.ports = ports
    this.#count = count
    this.#env = { ...env, CUDA_VISIBLE_DEVICES: Array.from({ length: count }, (_, i) => i).join() }
    const named = ['--http-port', ports.http, '--grpc-port', ports.grpc, '--metrics-port', ports.metrics]
    this.#words = ['serve', '--repository', repository, '--server-bin', tritonServer, ...named.map(String)]
    if (count > 1) this.#words = [...this.#words, '--per-gpu']
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  /** Processes of its servers, in the order of their ports as far as that shows. */
  parts() {
    return partsOf(this.pid)
  }

  /** What it has printed to standard error lately. */
  get messages(): string {
    return this.#messages
  }

  async start(): Promise<void> {
    const child = spawnCli(this.#words, { env: this.#env })
    this.#child = child
    void this.#keep(child.stderr)
    void new Response(child.stdout).text()
    await this.ready()
  }

  /** Resolves when every server answers; they are started again by themselves. */
  async ready(): Promise<void> {
    const end = performance.now() + SERVER_PATIENCE_MS
    for (let server = 0; server < this.#count; ) {
      if (await healthy(this.ports.http + 3 * server)) server++
      else await Bun.sleep(200)
      if (this.#child?.exitCode != null || performance.now() > end)
        throw new Error(`serve is not ready (exit code ${this.#child?.exitCode}):\n${this.#messages}`)
    }
  }

  /** Ends it in good order. Resolves to the exit code. */
  async stop(): Promise<number> {
    this.#child?.kill('SIGTERM')
    return (await this.#child?.exited) ?? 0
  }

  /** Resolves when it and everything that it had started is gone; how is up to it. */
  async gone(processes: readonly number[]): Promise<void> {
    const end = performance.now() + SERVER_PATIENCE_MS
    await this.#child?.exited
    while (processes.some(isAlive)) {
      if (performance.now() > end)
        throw new Error(`processes of a killed serve live on: ${processes.filter(isAlive).join()}`)
      await Bun.sleep(100)
    }
  }

  async #keep(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of textOf(stream)) this.#messages = (this.#messages + text).slice(-20_000)
  }
}

/** Everything that takes part in a soak but the commands: servers, wires to them, a home, folders, models. */
export class Stage implements AsyncDisposable {
  readonly mark = crypto.randomUUID()
  readonly folder: TemporaryFolder = temporaryFolder()
  readonly env: Readonly<Record<string, string>>
  /** Two servers, which are killed now and then, and one that stays. */
  readonly pair: Served
  readonly steady: Served
  readonly wires: Wire[] = []
  #places: Places | undefined

  private constructor(pair: Ports, steady: Ports) {
    for (const name of ['home', 'user', 'temporary', 'jobs']) mkdirSync(this.at(name))
    mkdirSync(this.at('runtime'), { mode: 0o700 })
    this.env = {
      VIRNUCPRO_HOME: this.at('home'),
      XDG_RUNTIME_DIR: this.at('runtime'),
      TMPDIR: this.at('temporary'),
      NO_COLOR: '1',
      [MARK]: this.mark,
    }
    this.pair = new Served(this.at('repository'), pair, 2, this.env)
    this.steady = new Served(this.at('repository'), steady, 1, this.env)
  }

  static async open(): Promise<Stage> {
    const pair = await portsInSteps()
    let steady = await portsInSteps()
    while (Math.abs(steady.http - pair.http) < 6) steady = await portsInSteps()
    const stage = new Stage(pair, steady)
    try {
      await stage.#furnish()
      return stage
    } catch (error) {
      await stage[Symbol.asyncDispose]()
      throw error
    }
  }

  at(...parts: string[]): string {
    return this.folder.join(...parts)
  }

  get places(): Places {
    if (this.#places === undefined) throw new Error('the stage is not furnished yet')
    return this.#places
  }

  processes(): number[] {
    return marked(this.mark)
  }

  /** A folder for a job, on a small file system of its own where one may be mounted. */
  jobFolder(name: string): string {
    const folder = this.at('jobs', name)
    mkdirSync(folder, { recursive: true })
    if (process.env.SOAK_MAY_MOUNT === '1')
      spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder])
    return folder
  }

  fillJob(folder: string): void {
    cpSync(this.at('in.fa'), join(folder, 'in.fa'))
    const sheet = ['sample,fasta', `one,${join(folder, 'in.fa')}`, `two,${this.at('second.fa')}`]
    writeFileSync(join(folder, 'sheet.csv'), `${sheet.join('\n')}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    for (const wire of this.wires) wire.close()
    if (process.env.SOAK_MAY_MOUNT === '1')
      for (const name of readdirSync(this.at('jobs'))) spawnSync('umount', ['-l', this.at('jobs', name)])
    await this.folder[Symbol.asyncDispose]()
  }

  async #furnish(): Promise<void> {
    writeFileSync(this.at('in.fa'), randomFasta(5, 100, 600))
    writeFileSync(this.at('second.fa'), randomFasta(6, 20, 600))
    // In the home, so that runs lease it.
    cpSync(join(checkout, 'examples/demo-bundle'), this.at('home', 'bundles', 'aaaa1111aaaa1111'), {
      recursive: true,
    })
    const models = await writeRandomModels(this.at())
    const quantized = this.at('int8')
    await succeed(
      ...['models', 'import', '--esm', models.esm, '--dnabert', models.dnabert, '--output', quantized],
      ...['--mlp', `300=${models.mlp}`, '--precision', 'int8', '--recheck', 'on'],
    )
    await demoRepository(this.at('repository'))
    await slowDown(this.at('repository'), BATCH_SECONDS)
    await Promise.all([this.pair.start(), this.steady.start()])
    const { pair, steady } = this
    for (const port of [pair.ports.grpc, pair.ports.grpc + 3, steady.ports.grpc])
      this.wires.push(await Wire.to(port))
    const [first, second, third] = this.wires.map(({ address }) => address)
    this.#places = {
      pair: `${first},${second}`,
      steady: `${third}`,
      bundle: 'aaaa1111aaaa1111',
      quantized,
      repository: this.at('repository'),
      serverBin: tritonServer,
    }
  }
}

/** Entries below a folder, folders themselves not counted. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    try {
      return !statSync(join(folder, name)).isDirectory()
    } catch {
      return false
    }
  })
}
