import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { processStart } from '../../system/processes.ts'
import { atExit } from './at-exit.ts'
import type { ServerCommand } from './commands.ts'
import { ServerError } from './errors.ts'
import { Guard } from './guard.ts'
import { membersOf } from './listener.ts'
import { removeRegions } from './regions.ts'

const EMPTIED_MS = 2000

/**
 * A program in a process group of its own, with the processes it starts: Ctrl-C in the terminal does not reach it, and all
 * of it can be ended at once, as a server that was killed leaves its Python processes behind.
 */
export class ProcessGroup {
  readonly pid: number
  /** Exit code, or the number of the signal that ended it as a negative one. */
  readonly exited: Promise<number>
  readonly #child: ChildProcess
  readonly #guard: Guard
  readonly #regionPrefix: string | undefined
  readonly #forget: () => void

  /**
   * Starts it.
   *
   * @param regionPrefix what the shared-memory regions that it makes are called; all of them are its own
   * @throws ServerError
   */
  constructor(command: ServerCommand, onText: (text: string) => void, regionPrefix?: string) {
    const [program, ...args] = command.argv
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...command.env },
    })
    const { pid } = child
    if (pid === undefined) {
      child.once('error', () => {})
      throw new ServerError(
        `${program} cannot be started: it is not a program for this machine, or the system has no more processes to give (ulimit -u)`,
      )
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', onText)
    this.#child = child
    this.pid = pid
    this.#regionPrefix = regionPrefix
    this.#guard = new Guard(pid, regionPrefix)
    this.exited = new Promise((settle) => {
      child.once('exit', (code, signal) => {
        // At once: while any process bears the number of this group, nobody else can be given it.
        signalGroup(pid, 'SIGKILL')
        settle(code ?? -constants.signals[signal ?? 'SIGKILL'])
      })
    })
    // When this process ends early, by a second Ctrl-C, the group goes with it.
    this.#forget = atExit(this.destroy)
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Asks the program to end, waits, and ends whatever of the group is left. Resolves to the exit code. */
  async stop(graceSeconds: number): Promise<number> {
    if (this.running) process.kill(this.pid, 'SIGTERM')
    const timer = setTimeout(() => signalGroup(this.pid, 'SIGKILL'), graceSeconds * 1000)
    const code = await this.exited
    clearTimeout(timer)
    await this.#gone()
    return code
  }

  /** Ends the program and whatever it has started, without asking. */
  async kill(): Promise<void> {
    if (this.running) signalGroup(this.pid, 'SIGKILL')
    await this.exited
    await this.#gone()
  }

  async #gone(): Promise<void> {
    await this.#emptied()
    this.destroy()
    await this.#guard.gone
  }

  /** Killed processes take a moment to be gone. Where nobody reaps orphans, they never are: they have ended all the same. */
  async #emptied(): Promise<void> {
    for (let waited = 0; waited < EMPTIED_MS && signalGroup(this.pid, 0); waited += 20) {
      const members = membersOf(this.pid)
      if (members.length > 0 && !members.some(isAlive)) return
      await Bun.sleep(20)
    }
  }

  /** Ends the whole group at once and removes its shared memory; synchronous, so that it works while exiting. */
  readonly destroy = (): void => {
    this.#forget()
    if (this.running) signalGroup(this.pid, 'SIGKILL')
    this.#guard.dismiss()
    if (this.#regionPrefix !== undefined) removeRegions(this.#regionPrefix)
  }
}

function isAlive(pid: number): boolean {
  const start = processStart(pid)
  return start !== undefined && start !== 'gone'
}

/** @returns whether anybody of the group is left to be sent the signal */
function signalGroup(pid: number, signal: 'SIGKILL' | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}
