/**
 * Runs one target for a while, in a process of its own: what hangs or crashes ends this process alone.
 * Started by `run.ts`, with one argument: a {@link Task} as JSON.
 */
import { appendFileSync } from 'node:fs'
import fc from 'fast-check'
import { Shared } from './shared.ts'
import type { Target } from './target.ts'

export interface Task {
  /** The target's file. */
  readonly file: string
  readonly seed: number
  /** Of one input that is to be run again. */
  readonly path?: string
  readonly seconds: number
  /** Of memory that both processes see. */
  readonly shared: string
  /** Where the worker writes its messages, one a line. */
  readonly messages: string
  /** The input at `path` is only written down. */
  readonly show?: boolean
}

/** What a worker tells. */
export type Message =
  | { kind: 'failed'; path: string; input: string; error: string }
  | { kind: 'input'; input: string }
  | { kind: 'memory'; before: number; after: number }

/** The smallest input is looked for this long. */
const SHRINKING_MS = 60_000
/** Share of the time after which whatever is kept for good has been allocated. */
const WARM = 1 / 3

// biome-ignore lint/suspicious/noExplicitAny: the inputs of any target
type AnyProperty = fc.IRawProperty<any>

const task = JSON.parse(process.argv[2] ?? '{}') as Task
const tell = (message: Message) => appendFileSync(task.messages, `${JSON.stringify(message)}\n`)

function text(error: unknown): string {
  return error instanceof Error ? (error.stack ?? `${error}`) : fc.stringify(error)
}

/** The property, with every execution counted, until the time is over. */
class Counted {
  readonly #property: AnyProperty
  readonly #shared: Shared
  readonly #start = Date.now()
  #until: number
  #failed = false
  #before = 0

  constructor(property: AnyProperty, shared: Shared) {
    this.#property = property
    this.#shared = shared
    this.#until = this.#start + task.seconds * 1000
  }

  isAsync = () => this.#property.isAsync()
  generate: AnyProperty['generate'] = (random, runId) => this.#property.generate(random, runId)
  shrink: AnyProperty['shrink'] = (value) => this.#property.shrink(value)
  runBeforeEach: AnyProperty['runBeforeEach'] = () => this.#property.runBeforeEach()
  runAfterEach: AnyProperty['runAfterEach'] = () => this.#property.runAfterEach()

  run: AnyProperty['run'] = (value) => {
    // At least one, however long it took to begin.
    if (Date.now() > this.#until && this.#shared.executions > 0) return new fc.PreconditionFailure(true)
    this.#watchMemory()
    this.#shared.begin()
    const result = this.#property.run(value)
    if (result instanceof Promise) return result.then((found) => this.#ended(value, found))
    return this.#ended(value, result)
  }

  /** Resident memory in MB: when the target was warm, and now. */
  memory(): { before: number; after: number } {
    const after = megabytes()
    return { before: this.#before || after, after }
  }

  #watchMemory(): void {
    if (this.#before > 0 || this.#shared.executions < 100) return
    if (Date.now() - this.#start > WARM * task.seconds * 1000) this.#before = megabytes()
  }

  #ended(value: unknown, result: Awaited<ReturnType<AnyProperty['run']>>): typeof result {
    const isFailure = result !== null && !(result instanceof fc.PreconditionFailure)
    this.#shared.end(result instanceof fc.PreconditionFailure, this.#failed)
    if (isFailure && !this.#failed) {
      this.#failed = true
      this.#until = Date.now() + SHRINKING_MS
      tell({
        kind: 'failed',
        path: task.path ?? `${this.#shared.index - 1}`,
        input: fc.stringify(value),
        error: text(result.error),
      })
    }
    return result
  }
}

function megabytes(): number {
  Bun.gc(true)
  return Math.round(process.memoryUsage.rss() / 2 ** 20)
}

async function show(property: AnyProperty): Promise<void> {
  const shown: AnyProperty = {
    isAsync: () => property.isAsync(),
    generate: (random, runId) => property.generate(random, runId),
    shrink: (value) => property.shrink(value),
    runBeforeEach: () => {},
    runAfterEach: () => {},
    run: (value) => {
      tell({ kind: 'input', input: fc.stringify(value) })
      return property.isAsync() ? Promise.resolve(null) : null
    },
  }
  await fc.check(shown, { seed: task.seed, path: task.path ?? '0', numRuns: 1 })
}

async function fuzz(property: AnyProperty, shared: Shared): Promise<void> {
  const counted = new Counted(property, shared)
  const replay = task.path === undefined ? {} : { path: task.path, numRuns: 1 }
  const found = await fc.check(counted as AnyProperty, {
    seed: task.seed,
    numRuns: Number.MAX_SAFE_INTEGER,
    ...replay,
  })
  if (found.failed && found.counterexample !== null)
    tell({
      kind: 'failed',
      path: found.counterexamplePath ?? '',
      input: fc.stringify(found.counterexample),
      error: text(found.errorInstance),
    })
  tell({ kind: 'memory', ...counted.memory() })
}

for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error) => {
    console.error(error)
    process.exit(1)
  })
const { target } = (await import(task.file)) as { target: Target }
const property = target.property() as unknown as AnyProperty
if (task.show) await show(property)
else await fuzz(property, new Shared(task.shared))
// Children of a target, such as a Python, end with their pipes.
process.exit(0)
