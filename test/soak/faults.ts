import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { cutEnd, flipBit } from '../support/faults/damage.ts'
import type { Lane, Running } from './lane.ts'
import type { LibraryProcess } from './library.ts'
import { commandOf } from './processes.ts'
import type { Stage } from './stage.ts'

/** Who can be disturbed, and how the choice among them falls. */
export interface Scene {
  readonly stage: Stage
  readonly lanes: readonly Lane[]
  readonly library: LibraryProcess
  random(): number
}

/** A fault; its promise resolves when what it broke stands again. */
export type Fault = (scene: Scene) => Promise<void>

const DAY_SECONDS = 86_400
/** How long what is stopped or held stays so. */
const STANDSTILL_MS = 6000

function pick<T>(items: readonly T[], { random }: Pick<Scene, 'random'>): T | undefined {
  return items[Math.floor(random() * items.length)]
}

/** A lane whose command runs, and has begun to work where `isReady` says so; waits for one. */
async function busyLane(
  scene: Scene,
  isReady: (running: Running) => boolean = () => true,
): Promise<{ lane: Lane; running: Running }> {
  for (let tries = 0; tries < 3000; tries++) {
    const lane = pick(scene.lanes, scene)
    const running = lane?.running
    if (lane !== undefined && running?.child.exitCode === null && isReady(running)) return { lane, running }
    await Bun.sleep(20)
  }
  throw new Error('no command came that this fault is for')
}

const signalled =
  (...signals: NodeJS.Signals[]): Fault =>
  async (scene) => {
    const { running } = await busyLane(scene)
    // Somewhere in its course, not always at its beginning.
    await Bun.sleep(scene.random() * 2000)
    for (const signal of signals) {
      running.child.kill(signal)
      await Bun.sleep(50)
    }
  }

function send(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined && pid > 0) process.kill(pid, signal)
  } catch {
    // It has ended by itself.
  }
}

async function standStill(pid: number | undefined): Promise<void> {
  send(pid, 'SIGSTOP')
  await Bun.sleep(STANDSTILL_MS)
  send(pid, 'SIGCONT')
}

/** Files of runs under way below a folder: journals, scores, and what is remembered of them. */
function stateOf(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name))
}

/** Kills a command that has work on record and changes that record before it is given again. */
const afterKill =
  (pattern: RegExp, change: (files: readonly string[], scene: Scene) => void): Fault =>
  async (scene) => {
    const { lane, running } = await busyLane(scene, ({ folder }) => stateOf(folder, pattern).length > 0)
    const changed = Promise.withResolvers<void>()
    lane.between = () => {
      change(stateOf(running.folder, pattern), scene)
      changed.resolve()
    }
    running.child.kill('SIGKILL')
    await changed.promise
  }

/** Damages one of the files. */
const toOne =
  (damage: (path: string, random: () => number) => void) =>
  (files: readonly string[], scene: Scene): void => {
    const path = pick(files, scene)
    if (path !== undefined) damage(path, () => scene.random())
  }

/** As after a jump of the clock, or on a file server with another one. */
const shifted =
  (seconds: number) =>
  (files: readonly string[]): void => {
    for (const path of files) {
      const time = statSync(path).mtimeMs / 1000 + seconds
      utimesSync(path, time, time)
    }
  }

/** Fills the file system of a lane until a command has ended for it. */
async function fullDisk(scene: Scene): Promise<void> {
  const { lane, running } = await busyLane(scene, ({ folder }) => stateOf(folder, /\.lock$/).length > 0)
  const filler = join(running.folder, '..', 'filler')
  const file = openSync(filler, 'w')
  const freed = Promise.withResolvers<void>()
  const free = () => {
    rmSync(filler, { force: true })
    freed.resolve()
  }
  lane.between = free
  try {
    for (const block = Buffer.alloc(1 << 16); ; ) writeSync(file, block)
  } catch {
    // Full, which is what is wanted.
  } finally {
    closeSync(file)
  }
  // It may have been about to end by itself.
  if (lane.running !== running) free()
  await freed.promise
}

/**
 * Something is appended to an input that is being read. Not to one of several samples: it fails alone, and its neighbours, which go on,
 * are computed in batches without the rest of it, so that their last digits are others.
 */
async function changedInput(scene: Scene): Promise<void> {
  const { lane, running } = await busyLane(
    scene,
    ({ folder, step }) =>
      step.stdin === undefined &&
      step.words[0] === 'predict' &&
      !step.words.includes('--sample-sheet') &&
      stateOf(folder, /\/work\//).length > 0,
  )
  const input = join(running.folder, 'in.fa')
  const restored = Promise.withResolvers<void>()
  const { atime, mtime } = statSync(input)
  const bytes = readFileSync(input)
  lane.between = () => {
    writeFileSync(input, bytes)
    utimesSync(input, atime, mtime)
    restored.resolve()
  }
  appendFileSync(input, '>late\nACGT\n')
  await restored.promise
}

/** By what is done; drawn with equal shares. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'command: SIGKILL': signalled('SIGKILL'),
  'command: SIGTERM': signalled('SIGTERM'),
  'command: SIGINT twice': signalled('SIGINT', 'SIGINT'),
  'command: SIGHUP': signalled('SIGHUP'),
  'command: SIGSTOP, SIGCONT': async (scene) => {
    const { running } = await busyLane(scene)
    await standStill(running.child.pid)
  },
  'command: full disk': fullDisk,
  'command: changed input': changedInput,
  'state: a bit of a journal flipped': afterKill(/\/work\/.*\.journal$/, toOne(flipBit)),
  'state: a journal cut': afterKill(/\/work\/.*\.journal$/, toOne(cutEnd)),
  'state: scores cut': afterKill(/\/work\/.*\.scores$/, toOne(cutEnd)),
  'state: work removed': afterKill(/\/work$/, (folders) => {
    for (const path of folders) rmSync(path, { recursive: true, force: true })
  }),
  'clock: files a day ahead': afterKill(/\.virnucpro\/.+/, shifted(DAY_SECONDS)),
  'clock: files a year back': afterKill(/\.virnucpro\/.+/, shifted(-365 * DAY_SECONDS)),
  'home: cache and locks removed': async ({ stage }) => {
    for (const name of ['cache', 'locks']) rmSync(stage.at('home', name), { recursive: true, force: true })
  },
  'server: one of two killed': async (scene) => {
    const { pair } = scene.stage
    send(pick(pair.parts().servers, scene), 'SIGKILL')
    await Bun.sleep(500)
    await pair.ready()
  },
  'server: one of two stands still': async (scene) => {
    // The server alone: stopped together with its models it sometimes takes those for dead and crashes.
    await standStill(pick(scene.stage.pair.parts().servers, scene))
    await scene.stage.pair.ready()
  },
  'server: a model killed': async (scene) => {
    const stubs = scene.stage.pair.parts().stubs.filter((pid) => !commandOf(pid).includes('_sequence/'))
    send(pick(stubs, scene), 'SIGKILL')
    await Bun.sleep(2000)
    await scene.stage.pair.ready()
  },
  'server: the guard killed': async ({ stage }) => {
    for (const pid of stage.pair.parts().guards) send(pid, 'SIGKILL')
    while (stage.pair.parts().guards.length === 0) await Bun.sleep(100)
  },
  'serve: SIGTERM': async ({ stage }) => {
    const { all } = stage.pair.parts()
    const code = await stage.pair.stop()
    if (code !== 143) throw new Error(`serve ended with ${code} after SIGTERM`)
    await stage.pair.gone(all)
    await stage.pair.start()
  },
  'serve: SIGKILL': async ({ stage }) => {
    const { all } = stage.pair.parts()
    send(stage.pair.pid, 'SIGKILL')
    await stage.pair.gone(all)
    await stage.pair.start()
  },
  'serve: everything of it killed': async ({ stage }) => {
    const { all, guards } = stage.pair.parts()
    for (const pid of [...guards, stage.pair.pid, ...all]) send(pid, 'SIGKILL')
    await stage.pair.gone(all)
    await stage.pair.start()
  },
  'network: connections cut': async (scene) => pick(scene.stage.wires, scene)?.cut(),
  'network: all connections cut': async ({ stage }) => {
    for (const wire of stage.wires) wire.cut()
  },
  'network: rubbish': async (scene) => pick(scene.stage.wires, scene)?.garble(),
  'network: a partition': async ({ stage }) => {
    for (const wire of stage.wires) wire.hold()
    await Bun.sleep(STANDSTILL_MS)
    for (const wire of stage.wires) wire.release()
  },
  'network: a server cannot be reached': async (scene) => {
    const wire = pick(scene.stage.wires, scene)
    wire?.close()
    await Bun.sleep(STANDSTILL_MS)
    await wire?.open()
  },
  'library: SIGSTOP, SIGCONT': ({ library }) => standStill(library.pid),
  'library: a run aborted': async ({ library }) => library.abort(),
}

/** Faults that can be made here. */
export function possibleFaults(): string[] {
  const canMount = process.env.SOAK_MAY_MOUNT === '1'
  return Object.keys(FAULTS).filter((kind) => canMount || kind !== 'command: full disk')
}
