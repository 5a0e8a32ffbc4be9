import { readdirSync, statSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { randomSource } from '../../scripts/support/random.ts'
import { differencesOf, filesOf, JOBS } from './commands.ts'
import { FAULTS, possibleFaults } from './faults.ts'
import { type Margin, type Verdict, verdictOn } from './flat.ts'
import { type Ended, type Findings, Lane } from './lane.ts'
import { LibraryProcess } from './library.ts'
import { commandOf, descriptors, residentKilobytes, threads } from './processes.ts'
import { filesBelow, Stage } from './stage.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly seed: number
  readonly secondsBetweenFaults: number
  /** Faults between two samples: everything comes to rest for one. */
  readonly faultsBetweenSamples: number
  log(line: string): void
}

export interface SoakReport {
  readonly minutes: number
  readonly seed: number
  readonly hardware: string
  readonly faults: Record<string, number>
  readonly commands: number
  /** Exit codes of commands, and how often each came. */
  readonly exits: Record<string, number>
  readonly libraryIterations: number
  readonly libraryRetries: number
  readonly outputsCompared: number
  /** Outputs that were not those of an undisturbed run, and whatever else should not have happened. */
  readonly differences: readonly string[]
  readonly samples: number
  readonly series: Record<string, Verdict & Margin>
  readonly notFlat: readonly string[]
  readonly leftOver: readonly string[]
}

/** How far each figure may rise. Counts at rest do not rise at all; memory has allocators, which keep some. */
const MEMORY: Margin = { share: 0.15, least: 24_000 }
const NONE: Margin = { share: 0, least: 0 }
const FEW: Margin = { share: 0, least: 4 }
const FIGURES: Readonly<Record<string, Margin>> = {
  'serve: resident kB': MEMORY,
  'serve: descriptors': FEW,
  'Triton: resident kB': MEMORY,
  'Triton: descriptors': FEW,
  'Triton: threads': FEW,
  'models of Triton: resident kB': MEMORY,
  'models of Triton: descriptors': FEW,
  'restarted serve: resident kB': MEMORY,
  'restarted serve: descriptors': FEW,
  'library process: resident kB': MEMORY,
  'library process: heap kB': { share: 0.1, least: 4000 },
  'library process: objects': { share: 0.1, least: 20_000 },
  'library process: descriptors': FEW,
  'library process: threads': FEW,
  processes: NONE,
  'shared memory: entries': NONE,
  'shared memory: kB': { share: 0.1, least: 2048 },
  // Measured speeds, when they have been measured for the first time.
  'files in the home': FEW,
  'files in TMPDIR': NONE,
  'notes of servers': NONE,
}

/** A minute is too short for a judgement on memory: allocators still grow. */
const MINUTES_FOR_MEMORY = 10
/** Files that have the paths of others in them. */
const NAMES_FILES = /(^|\/)(samples\.tsv|shards\.json)$/
const REST_PATIENCE_MS = 90_000

/** Disturbs commands on real servers for some time, and tells what came of it. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const stage = await Stage.open()
  const leave = () => void stage[Symbol.asyncDispose]().finally(() => process.exit(130))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, leave)
  try {
    return await new Soak(stage, options).run()
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, leave)
    await stage[Symbol.asyncDispose]()
  }
}

class Soak implements Findings {
  commands = 0
  compared = 0
  differences: string[] = []
  readonly #stage: Stage
  readonly #options: SoakOptions
  readonly #lanes: Lane[]
  readonly #random: () => number
  readonly #faults: Record<string, number> = {}
  readonly #exits: Record<string, number> = {}
  readonly #series: Record<string, number[]> = {}
  /** When something was broken: what fails meanwhile does so with reason. */
  readonly #troubles: { kind: string; from: number; to: number }[] = []
  /** Faults that have not come yet in this turn. */
  #turn: string[] = []
  #atRest = 0
  #library: LibraryProcess | undefined

  constructor(stage: Stage, options: SoakOptions) {
    this.#stage = stage
    this.#options = options
    this.#random = randomSource(options.seed)
    this.#lanes = ['one', 'two'].map(
      (name, i) => new Lane(stage, name, randomSource(options.seed + 1 + i), this),
    )
  }

  async run(): Promise<SoakReport> {
    const { minutes, secondsBetweenFaults, faultsBetweenSamples, log } = this.#options
    await this.#references()
    const library = new LibraryProcess(this.#stage)
    this.#library = library
    // Every kind of its work once.
    await library.rest()
    library.go()
    await Bun.sleep(5000)
    await this.#sample(await library.rest())
    library.go()
    const begin = performance.now()
    const end = begin + minutes * 60_000
    const period = secondsBetweenFaults * 1000
    let due = begin
    let restMs = 0
    while (performance.now() < end) {
      const lanes = this.#lanes.map((lane) => lane.run())
      for (let i = 0; i < faultsBetweenSamples && performance.now() < end; i++) {
        await until(due)
        await this.#disturb(library)
        due += period
      }
      // Coming to rest takes time, too; the next fault is to be in time after it.
      await until(Math.min(end, Math.max(performance.now() + period / 4, due - restMs)))
      const resting = performance.now()
      for (const lane of this.#lanes) lane.pause()
      await Promise.all(lanes)
      const report = await library.rest()
      await this.#sample(report)
      library.go()
      restMs = performance.now() - resting
      log(
        `${((performance.now() - begin) / 60_000).toFixed(1)} min: ${this.commands} commands, ${this.compared} files compared, ${this.differences.length + report.differences.length} differences`,
      )
    }
    return await this.#finish(library)
  }

  ended({ kind, words, code, messages, from, to }: Ended): void {
    this.#exits[code] = (this.#exits[code] ?? 0) + 1
    if (code === 0) return
    const reasons = this.#troubles.filter((trouble) => trouble.from <= to && trouble.to >= from)
    const what = `${kind}: exit code ${code} of ${words[0]}: ${messages.trim().split('\n').slice(-3).join(' | ')}`
    this.#options.log(`${what} (${reasons.map((reason) => reason.kind).join() || 'for no reason'})`)
    // 1 is a defect of the program, whatever has happened.
    if (reasons.length === 0 || code === 1) this.differences.push(what)
  }

  /** Every job in peace, in both lanes: what it makes depends on the input, and where paths are told, on the place. */
  async #references(): Promise<void> {
    for (const job of JOBS) {
      const made = await Promise.all(
        this.#lanes.map(async (lane) => {
          const folder = await lane.once(job)
          const files = filesOf(folder)
          lane.references.set(job.kind, files)
          lane.compare(job, folder)
          lane.clear(folder)
          return files
        }),
      )
      const [one = new Map(), two = new Map()] = made
      for (const [name, apart] of differencesOf(two, one))
        if (!NAMES_FILES.test(name))
          this.differences.push(`${job.kind}: not the same twice: ${name}: ${apart}`)
    }
    this.#options.log(`undisturbed: ${this.commands} commands, ${this.compared} files compared`)
  }

  /** In turns: each kind once before any comes again, in an order that the seed decides. */
  async #disturb(library: LibraryProcess): Promise<void> {
    if (this.#turn.length === 0) this.#turn = possibleFaults()
    const [kind = ''] = this.#turn.splice(Math.floor(this.#random() * this.#turn.length), 1)
    this.#options.log(`fault: ${kind}`)
    const trouble = { kind, from: performance.now(), to: Number.POSITIVE_INFINITY }
    this.#troubles.push(trouble)
    try {
      await FAULTS[kind]!({ stage: this.#stage, lanes: this.#lanes, library, random: this.#random })
      this.#faults[kind] = (this.#faults[kind] ?? 0) + 1
    } catch (error) {
      this.differences.push(`fault ${kind}: ${error instanceof Error ? error.message : error}`)
    }
    // Probes of servers come with pauses.
    trouble.to = performance.now() + 5000
  }

  /** Waits until nothing but what serves and the library process is left. */
  async #rest(): Promise<number[]> {
    await this.#stage.pair.ready()
    const end = performance.now() + REST_PATIENCE_MS
    for (;;) {
      const processes = this.#stage.processes()
      if (this.#atRest === 0) this.#atRest = processes.length
      // Fewer are no leak: a server starts the process of a model again when somebody asks for that.
      if (processes.length <= this.#atRest || performance.now() > end) return processes
      await Bun.sleep(250)
    }
  }

  async #sample(report: { heapKilobytes: number; objects: number }): Promise<void> {
    if (this.#atRest === 0) await Bun.sleep(5000)
    const processes = await this.#rest()
    if (processes.length > this.#atRest) this.#tellProcesses(processes)
    const { pair, steady } = this.#stage
    const { servers, stubs } = steady.parts()
    const sum = (pids: readonly number[], figure: (pid: number) => number) =>
      pids.reduce((total, pid) => total + figure(pid), 0)
    const library = this.#library!.pid
    const shared = sharedMemory()
    const figures: Record<string, number> = {
      'serve: resident kB': residentKilobytes(steady.pid),
      'serve: descriptors': descriptors(steady.pid),
      'Triton: resident kB': sum(servers, residentKilobytes),
      'Triton: descriptors': sum(servers, descriptors),
      'Triton: threads': sum(servers, threads),
      'models of Triton: resident kB': sum(stubs, residentKilobytes),
      'models of Triton: descriptors': sum(stubs, descriptors),
      'restarted serve: resident kB': residentKilobytes(pair.pid),
      'restarted serve: descriptors': descriptors(pair.pid),
      'library process: resident kB': residentKilobytes(library),
      'library process: heap kB': report.heapKilobytes,
      'library process: objects': report.objects,
      'library process: descriptors': descriptors(library),
      'library process: threads': threads(library),
      processes: processes.length,
      'shared memory: entries': shared.length,
      'shared memory: kB': Math.round(shared.reduce((total, { bytes }) => total + bytes, 0) / 1024),
      'files in the home': filesBelow(this.#stage.at('home')).length,
      'files in TMPDIR': filesBelow(this.#stage.at('temporary')).length,
      'notes of servers': filesBelow(this.#stage.at('runtime')).length,
    }
    for (const [name, value] of Object.entries(figures)) {
      this.#series[name] ??= []
      this.#series[name].push(value)
    }
    this.#options.log(JSON.stringify(figures))
  }

  #tellProcesses(processes: readonly number[]): void {
    const names = processes.map((pid) => `${pid} ${commandOf(pid).slice(0, 160)}`)
    this.#options.log(`${processes.length} processes in place of ${this.#atRest}:\n  ${names.join('\n  ')}`)
  }

  async #finish(library: LibraryProcess): Promise<SoakReport> {
    const report = await library.rest()
    const code = await library.end()
    if (code !== 0) this.differences.push(`the library process ended with ${code}`)
    const { stage } = this
    for (const served of [stage.pair, stage.steady]) {
      const { all } = served.parts()
      const code = await served.stop()
      if (code !== 143) this.differences.push(`serve ended with ${code} after SIGTERM`)
      await served.gone(all)
    }
    await Bun.sleep(2000)
    const { minutes, seed } = this.#options
    const series = Object.fromEntries(
      Object.entries(FIGURES).map(([name, margin]) => [
        name,
        { ...verdictOn(this.#series[name] ?? [], margin), ...margin },
      ]),
    )
    return {
      minutes,
      seed,
      hardware: `${cpus()[0]?.model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
      faults: Object.fromEntries(Object.entries(this.#faults).sort()),
      commands: this.commands,
      exits: this.#exits,
      libraryIterations: report.iterations,
      libraryRetries: report.retried,
      outputsCompared: this.compared + report.compared,
      differences: [...this.differences, ...report.differences],
      samples: this.#series.processes?.length ?? 0,
      series,
      notFlat: Object.entries(series)
        .filter(
          ([name, { isFlat }]) => !isFlat && (minutes >= MINUTES_FOR_MEMORY || !/kB|objects/.test(name)),
        )
        .map(([name]) => name),
      leftOver: this.#leftOver(),
    }
  }

  get stage(): Stage {
    return this.#stage
  }

  /** What is left when everything has ended. */
  #leftOver(): string[] {
    const { stage } = this
    const below = (name: string) => filesBelow(stage.at(name)).map((file) => `${name}/${file}`)
    return [
      ...stage.processes().map((pid) => `process ${pid}: ${commandOf(pid).slice(0, 160)}`),
      ...sharedMemory().map(({ name }) => `shared memory: ${name}`),
      ...below('temporary'),
      ...below('runtime'),
      ...below('home').filter((file) => /lock|lease|in-use|\.tmp$|\.virnucpro-/.test(file)),
    ]
  }
}

const until = (time: number) => Bun.sleep(Math.max(0, time - performance.now()))

/** All of it where this soak has a folder of its own for it. */
function sharedMemory(): { name: string; bytes: number }[] {
  if (process.env.SOAK_MAY_MOUNT !== '1') return []
  return readdirSync('/dev/shm').flatMap((name) => {
    try {
      return [{ name, bytes: statSync(join('/dev/shm', name)).blocks * 512 }]
    } catch {
      return []
    }
  })
}
