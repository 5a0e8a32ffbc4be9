/**
 * Runs the targets of `targets/` in turn, each in a process of its own, and says how a failure is repeated.
 * Usage: bun test/fuzz/run.ts [--seconds N] [--target NAME]... [--seed S] [--path P] [--record]
 *
 * `--path` repeats one input of one target; `--record` writes the figures to test/reliability/records/fuzz.json.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Shared } from './shared.ts'
import type { Target } from './target.ts'
import type { Message, Task } from './worker.ts'

/** Longer ones would leave a target without its turn for too long. */
const MOST_SLICE_SECONDS = 60
const RECORD = resolve(import.meta.dir, '../reliability/records/fuzz.json')

export interface FuzzOptions {
  /** Of all targets together. */
  readonly seconds: number
  /** @default all */
  readonly targets?: readonly string[]
  /** @default drawn */
  readonly seed?: number
  /** Of the one input to run. */
  readonly path?: string
  /** One execution that takes longer is a failure. @default 20 */
  readonly hangSeconds?: number
  /** Where the targets are. */
  readonly folder?: string
  readonly log?: (line: string) => void
}

export interface Failure {
  readonly target: string
  readonly seed: number
  /** Of the smallest input that was found. */
  readonly path: string
  readonly input: string
  readonly error: string
}

/** What was done about one target. */
export interface Outcome {
  readonly name: string
  readonly about: string
  executions: number
  /** Of fuzzing, without the start of the processes. */
  seconds: number
  /** Resident memory in MB from a third of a turn to its end, in the turn where it grew most. */
  memory: { before: number; after: number }
  readonly failures: Failure[]
}

interface Entry extends Outcome {
  readonly file: string
  readonly weight: number
}

/** Names of the targets, from their files. */
export function targetNames(folder = join(import.meta.dir, 'targets')): string[] {
  return [...new Bun.Glob('*.ts').scanSync(folder)].map((file) => file.slice(0, -'.ts'.length)).sort()
}

async function entries({
  folder = join(import.meta.dir, 'targets'),
  targets,
}: FuzzOptions): Promise<Entry[]> {
  const found: Entry[] = []
  for (const name of targets ?? targetNames(folder)) {
    const file = join(folder, `${name}.ts`)
    if (!existsSync(file)) throw new Error(`no target ${name}: there are ${targetNames(folder).join(', ')}`)
    const { target } = (await import(file)) as { target: Target }
    if (target.name !== name) throw new Error(`${file} calls its target ${target.name}`)
    const { about, weight } = target
    found.push({
      name,
      about,
      weight,
      file,
      executions: 0,
      seconds: 0,
      memory: { before: 0, after: 0 },
      failures: [],
    })
  }
  return found
}

/** Turns over all targets until the time is over; each has at least one, of at least one execution. */
export async function fuzz(options: FuzzOptions): Promise<{ seed: number; outcomes: Outcome[] }> {
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31)
  const list = await entries(options)
  const end = Date.now() + options.seconds * 1000
  const weights = list.reduce((sum, { weight }) => sum + weight, 0)
  const heaviest = Math.max(...list.map(({ weight }) => weight))
  const rounds = Math.max(1, Math.ceil((options.seconds * heaviest) / weights / MOST_SLICE_SECONDS))
  let outstanding = weights * rounds
  for (let round = 0; round < rounds; round++) {
    for (const entry of list) {
      const left = Math.max(0, end - Date.now()) / 1000
      const seconds = Math.max(0.1, (left * entry.weight) / outstanding)
      outstanding -= entry.weight
      // The same start finds the same things: every round has a seed of its own.
      await turn(entry, seconds, seed + round, options)
    }
  }
  return { seed, outcomes: list.map(({ file, weight, ...outcome }) => outcome) }
}

async function turn(entry: Entry, seconds: number, seed: number, options: FuzzOptions): Promise<void> {
  const log = options.log ?? (() => {})
  const { path } = options
  const before = { executions: entry.executions, seconds: entry.seconds }
  const result = await work({ file: entry.file, seed, seconds, ...(path !== undefined && { path }) }, options)
  entry.executions += result.executions
  entry.seconds += result.seconds
  const { memory, failure } = result
  const isFirst = before.executions === 0
  if (isFirst || memory.after - memory.before > entry.memory.after - entry.memory.before)
    entry.memory = memory
  const executions = entry.executions - before.executions
  const speed = Math.round(executions / Math.max(0.001, entry.seconds - before.seconds))
  const grown = `memory ${memory.before} to ${memory.after} MB`
  log(`${entry.name}: ${executions} executions, ${speed} a second, ${grown}, seed ${seed}`)
  if (failure === undefined) return
  const found: Failure = { target: entry.name, seed, ...failure }
  entry.failures.push(found)
  log(describeFailure(found))
}

/** A failure as a person reads it, with the command that repeats it. */
export function describeFailure({ target, seed, path, input, error }: Failure): string {
  const again = `bun test/fuzz/run.ts --target ${target} --seed ${seed} --path ${path}`
  return `FAILED ${target}: ${error}\n  input: ${input}\n  again: ${again}`
}

interface Worked {
  executions: number
  seconds: number
  memory: { before: number; after: number }
  failure: Omit<Failure, 'target' | 'seed'> | undefined
}

async function work(
  task: Omit<Task, 'shared' | 'messages'>,
  { hangSeconds = 20 }: FuzzOptions,
): Promise<Worked> {
  // In memory, where there is such a folder; what a target leaves in it goes, too, when its process is killed.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'virnucpro-fuzz-'))
  try {
    const shared = Shared.create(join(folder, 'shared'))
    const ended = await started(task, folder, hangSeconds, shared)
    const { messages, seconds, trouble } = ended
    const memory = messages.find((message) => message.kind === 'memory') ?? { before: 0, after: 0 }
    const { executions } = shared
    const result = { executions, seconds, memory: { before: memory.before, after: memory.after } }
    // The last is the smallest.
    const failed = messages.findLast((message) => message.kind === 'failed')
    if (failed !== undefined) {
      const { path, input, error } = failed
      return { ...result, failure: { path, input, error } }
    }
    if (trouble === undefined) return { ...result, failure: undefined }
    const path = task.path ?? `${shared.index}`
    const { messages: shown } = await started({ ...task, path, show: true }, folder, hangSeconds, shared)
    const input =
      shown.find((message) => message.kind === 'input')?.input ?? 'not made: making it ended alike'
    return { ...result, failure: { path, input, error: trouble } }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs a worker to its end, or ends it where one execution takes too long. */
async function started(
  task: Omit<Task, 'shared' | 'messages'>,
  folder: string,
  hangSeconds: number,
  shared: Shared,
): Promise<{ messages: Message[]; seconds: number; trouble: string | undefined }> {
  const [paths, errors] = [
    { shared: join(folder, 'shared'), messages: join(folder, 'messages') },
    join(folder, 'errors'),
  ]
  rmSync(paths.messages, { force: true })
  const argument = JSON.stringify({ ...task, ...paths } satisfies Task)
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'worker.ts'), argument], {
    env: { ...process.env, TMPDIR: folder },
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: Bun.file(errors),
  })
  const first = shared.beat
  let [begun, beat, since] = [0, first, Date.now()]
  let hung = false
  const watch = setInterval(() => {
    if (shared.beat !== beat) {
      ;[beat, since] = [shared.beat, Date.now()]
      begun ||= since
    } else if (Date.now() - since > 1000 * hangSeconds * (beat === first ? 6 : 1)) {
      hung = true
      child.kill('SIGKILL')
    }
  }, 50)
  try {
    const code = await child.exited
    const seconds = (Date.now() - (begun || since)) / 1000
    const messages = lines(paths.messages).map((line) => JSON.parse(line) as Message)
    if (hung) return { messages, seconds, trouble: `no end after ${hangSeconds} s` }
    if (code === 0) return { messages, seconds, trouble: undefined }
    const how = child.signalCode ?? `exit code ${code}`
    return {
      messages,
      seconds,
      trouble: `the process ended with ${how}\n${lines(errors).slice(-20).join('\n')}`,
    }
  } finally {
    clearInterval(watch)
    if (child.exitCode === null) child.kill('SIGKILL')
  }
}

function lines(path: string): string[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
}

interface RecordedTarget {
  name: string
  about: string
  executions: number
  seconds: number
  perSecond: number
  failures: number
  memory: { before: number; after: number }
}

/** Puts the figures in the place of earlier ones of the same targets. */
async function record(seed: number, outcomes: readonly Outcome[]): Promise<void> {
  const earlier: { targets: RecordedTarget[] } = existsSync(RECORD)
    ? JSON.parse(readFileSync(RECORD, 'utf8'))
    : { targets: [] }
  const now = outcomes.map(({ name, about, executions, seconds: spent, failures, memory }) => ({
    name,
    about,
    executions,
    seconds: Math.round(spent),
    perSecond: Math.round(executions / Math.max(0.001, spent)),
    failures: failures.length,
    memory,
  }))
  const names = new Set(now.map(({ name }) => name))
  const existing = new Set(targetNames())
  const kept = (earlier.targets ?? []).filter(({ name }) => !names.has(name) && existing.has(name))
  const targets = [...kept, ...now].sort((a, b) => (a.name < b.name ? -1 : 1))
  const commit = Bun.spawnSync(['git', 'rev-parse', '--short=12', 'HEAD'], { cwd: import.meta.dir })
  const cpu = cpus()
  const content = {
    date: new Date().toISOString().slice(0, 10),
    commit: commit.stdout.toString().trim(),
    seconds: targets.reduce((sum, target) => sum + target.seconds, 0),
    seed,
    hardware: `${cpu.length} × ${cpu[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    targets,
  }
  await Bun.write(RECORD, `${JSON.stringify(content, null, 2)}\n`)
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      target: { type: 'string', multiple: true },
      seed: { type: 'string' },
      path: { type: 'string' },
      record: { type: 'boolean', default: false },
    },
  })
  const seconds = Number(values.seconds)
  const { seed, outcomes } = await fuzz({
    seconds,
    ...(values.target !== undefined && { targets: values.target }),
    ...(values.seed !== undefined && { seed: Number(values.seed) }),
    ...(values.path !== undefined && { path: values.path }),
    log: console.log,
  })
  const total = outcomes.reduce((sum, { executions }) => sum + executions, 0)
  const failures = outcomes.flatMap((outcome) => outcome.failures)
  console.log(`${total} executions of ${outcomes.length} targets, ${failures.length} failures, seed ${seed}`)
  if (values.record) await record(seed, outcomes)
  process.exit(failures.length === 0 ? 0 : 1)
}
