import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { repository as checkout } from '../support/cli.ts'
import { differencesOf, filesOf, JOBS, type Job, leftoversOf, type Step } from './commands.ts'
import type { Stage } from './stage.ts'

/** A command that takes this long hangs: nothing here needs more than seconds. */
const PATIENCE_MS = 300_000
const MOST_ATTEMPTS = 30

/** A command that runs now. */
export interface Running {
  readonly child: Bun.Subprocess
  readonly job: Job
  readonly step: Step
  readonly folder: string
  readonly since: number
}

export interface Ended {
  readonly kind: string
  readonly words: readonly string[]
  readonly code: number
  readonly messages: string
  readonly from: number
  readonly to: number
}

export interface Findings {
  commands: number
  compared: number
  /** Each a sentence; empty where all is well. */
  differences: string[]
  ended(what: Ended): void
}

/** Runs one job after the other; what disturbs it takes the command that runs, and what it wants done before the next try. */
export class Lane {
  readonly #stage: Stage
  readonly #findings: Findings
  readonly #folder: string
  readonly #random: () => number
  running: Running | undefined
  /** Before the command is given again. */
  between: (() => Promise<void> | void) | undefined
  /** The files that each kind of job makes here when nothing disturbs it. */
  readonly references = new Map<string, ReadonlyMap<string, Buffer>>()
  #isWanted = false

  constructor(stage: Stage, name: string, random: () => number, findings: Findings) {
    this.#stage = stage
    this.#folder = stage.jobFolder(name)
    this.#random = random
    this.#findings = findings
  }

  /** Job after job, until `pause`. */
  async run(): Promise<void> {
    this.#isWanted = true
    const drawn = JOBS.flatMap((job) => Array.from({ length: job.weight }, () => job))
    while (this.#isWanted) {
      const job = drawn[Math.floor(this.#random() * drawn.length)]!
      const folder = await this.once(job)
      this.compare(job, folder)
      this.clear(folder)
    }
  }

  /** The job that is under way is finished first. */
  pause(): void {
    this.#isWanted = false
  }

  /** A job to its end, in a folder that is still there. */
  async once(job: Job): Promise<string> {
    const folder = join(this.#folder, 'job')
    mkdirSync(folder)
    this.#stage.fillJob(folder)
    await this.#steps(job, folder)
    return folder
  }

  clear(folder: string): void {
    rmSync(folder, { recursive: true })
  }

  compare(job: Job, folder: string): void {
    const expected = this.references.get(job.kind) ?? new Map<string, Buffer>()
    this.#findings.compared += expected.size
    for (const [name, apart] of differencesOf(filesOf(folder), expected))
      this.#findings.differences.push(`${job.kind}: other content in ${name}: ${apart}`)
    const left = leftoversOf(folder)
    if (left.length > 0) this.#findings.differences.push(`${job.kind}: left behind ${left.join(', ')}`)
  }

  /** Every step until it succeeds. */
  async #steps(job: Job, folder: string): Promise<void> {
    for (const step of job.steps(folder, this.#stage.places)) {
      let tries = 0
      while ((await this.#attempt(job, step, folder)) !== 0) {
        if (++tries === MOST_ATTEMPTS) {
          this.#findings.differences.push(`${job.kind}: no success after ${MOST_ATTEMPTS} times`)
          return
        }
        await Bun.sleep(500)
      }
    }
  }

  /** One command to its end, however that comes. */
  async #attempt(job: Job, step: Step, folder: string): Promise<number> {
    const child = Bun.spawn([process.execPath, join(checkout, 'src/cli/main.ts'), ...step.words], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', HOME: this.#stage.at('user'), ...this.#stage.env },
      stdin: step.stdin === undefined ? 'ignore' : Bun.file(step.stdin),
      stdout: 'ignore',
      stderr: 'pipe',
    })
    const from = performance.now()
    this.running = { child, job, step, folder, since: from }
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    const messages = await new Response(child.stderr).text()
    const code = await child.exited
    clearTimeout(timer)
    this.running = undefined
    const to = performance.now()
    this.#findings.commands++
    if (to - from >= PATIENCE_MS)
      this.#findings.differences.push(`${job.kind}: hung, and said:\n${messages.slice(-2000)}`)
    this.#findings.ended({ kind: job.kind, words: step.words, code, messages, from, to })
    await this.between?.()
    this.between = undefined
    return code
  }
}
