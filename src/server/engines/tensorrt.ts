import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import * as v from 'valibot'
import { parseJson } from '../../system/json.ts'
import { messageOf } from '../../system/problems.ts'
import { EngineBuildError } from './errors.ts'

/** The GPU and TensorRT that a plan is for. */
export interface Target {
  readonly gpu: string
  /** Such as `9.0`. */
  readonly computeCapability: string
  readonly tensorrt: string
  readonly memoryBytes: number | undefined
  /** Undefined where the builder does not say. */
  readonly multiprocessors?: number | undefined
}

/** Lines of JSON that the scripts of TensorRT write; see `serve_events` in python/build_engine.py. */
const EventSchema = v.variant('event', [
  v.object({
    event: v.literal('gpu'),
    name: v.string(),
    computeCapability: v.string(),
    memoryBytes: v.number(),
    multiprocessors: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
    tensorrt: v.string(),
  }),
  v.object({ event: v.literal('phase'), phase: v.string(), seconds: v.number() }),
  v.object({ event: v.literal('progress'), step: v.string(), done: v.number(), of: v.number() }),
  v.object({
    event: v.literal('measured'),
    rows: v.number(),
    tokens: v.number(),
    milliseconds: v.number(),
  }),
  v.object({ event: v.literal('skipped'), rows: v.number(), tokens: v.number(), reason: v.string() }),
  v.object({ event: v.literal('done'), seconds: v.number() }),
  v.object({ event: v.literal('error'), kind: v.string(), message: v.string() }),
])
export type ScriptEvent = v.InferOutput<typeof EventSchema>

/** How the programs of TensorRT are started. */
export interface Launching {
  /** Variables of theirs that differ from this process's, such as `CUDA_VISIBLE_DEVICES`. */
  readonly environment?: Readonly<Record<string, string>> | undefined
  /** Puts a program into a container. @default it is started as it is */
  readonly contain?: Contain | undefined
}

/** The command that runs another one in a container, which sees the files that are named under their own paths. */
export type Contain = (
  command: readonly string[],
  sees: {
    reads: readonly string[]
    writes: readonly string[]
    environment: Readonly<Record<string, string>>
  },
) => readonly string[]

export interface ScriptRun extends Launching {
  readonly python: string
  readonly script: 'build_engine.py' | 'tune_engine.py'
  /** What messages are about. */
  readonly subject: string
  readonly request: object
  /** Called with each event but `gpu`, `done` and `error`. */
  readonly onEvent: (event: ScriptEvent) => void
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs a script with TensorRT's Python bindings, in a process of its own.
 *
 * @throws EngineBuildError
 */
export async function runScript(run: ScriptRun): Promise<{ target: Target; seconds: number }> {
  const { target, seconds } = await runEvents(run, [])
  if (seconds !== undefined) return { target, seconds }
  throw new EngineBuildError(run.subject, `${run.script} ended before it was done`)
}

/** The GPU and TensorRT of this machine. @throws EngineBuildError */
export async function probeTensorRt(
  python: string,
  { environment }: Pick<Launching, 'environment'> = {},
): Promise<Target> {
  const run: ScriptRun = {
    python,
    script: 'build_engine.py',
    subject: 'TensorRT',
    request: {},
    onEvent: () => {},
    environment,
  }
  return (await runEvents(run, ['--probe'])).target
}

async function runEvents(
  { python, script, subject, request, onEvent, environment, signal }: ScriptRun,
  flags: readonly string[],
): Promise<{ target: Target; seconds: number | undefined }> {
  const seen: { target?: Target; seconds?: number; problem?: { kind: string; message: string } } = {}
  const onLine = (line: string) => {
    const event = parseEvent(line)
    if (event?.event === 'gpu') {
      const { name, computeCapability, tensorrt, memoryBytes, multiprocessors } = event
      seen.target = { gpu: name, computeCapability, tensorrt, memoryBytes, multiprocessors }
    } else if (event?.event === 'done') seen.seconds = event.seconds
    else if (event?.event === 'error') seen.problem = event
    else if (event !== undefined) onEvent(event)
  }
  const command = [python, resolve(import.meta.dir, 'python', script), ...flags]
  const input = JSON.stringify(request)
  const { code, last } = await runChild(command, subject, { input, onLine, environment, signal })
  if (seen.problem !== undefined) throw scriptError(subject, seen.problem, last)
  if (code !== 0 || seen.target === undefined)
    throw new EngineBuildError(subject, `${python} ended with exit code ${code}`, last)
  return { target: seen.target, seconds: seen.seconds }
}

function scriptError(
  subject: string,
  { kind, message }: { kind: string; message: string },
  last: readonly string[],
): EngineBuildError {
  if (kind === 'no-tensorrt')
    return new EngineBuildError(subject, message, last, { detail: { code: 'no-tensorrt', data: {} } })
  const here =
    kind === 'no-gpu' ? '. Plans are built on the GPU that they are for: use a machine with one' : ''
  return new EngineBuildError(subject, message + here, last)
}

/** Undefined for whatever else a program prints. */
function parseEvent(line: string): ScriptEvent | undefined {
  try {
    return v.parse(EventSchema, parseJson(line))
  } catch {
    return undefined
  }
}

/** Lines kept for the message of a failure. */
const KEPT = 12

/**
 * Runs a program to its end, its lines passed on as they come. Those of standard error are only kept for messages.
 *
 * @param subject what messages are about
 * @returns its exit code and last lines
 * @throws EngineBuildError when it cannot be started
 */
export async function runChild(
  command: readonly string[],
  subject: string,
  options: {
    input?: string
    onLine(line: string): void
    environment?: Launching['environment']
    signal?: AbortSignal | undefined
  },
): Promise<{ code: number; last: string[] }> {
  const { input, onLine, environment, signal } = options
  const last: string[] = []
  const keep = (line: string) => {
    if (line.trim() === '') return
    last.push(line)
    if (last.length > KEPT) last.shift()
  }
  const start = () =>
    Bun.spawn([...command], {
      stdin: input === undefined ? 'ignore' : new TextEncoder().encode(input),
      stdout: 'pipe',
      stderr: 'pipe',
      env: { ...process.env, ...environment },
      ...(signal && { signal }),
    })
  let child: ReturnType<typeof start>
  try {
    child = start()
  } catch (cause) {
    throw new EngineBuildError(subject, `cannot start ${command[0]}: ${messageOf(cause)}`, [], { cause })
  }
  const [, , code] = await Promise.all([
    eachLine(child.stdout, onLine),
    eachLine(child.stderr, keep),
    child.exited,
  ])
  signal?.throwIfAborted()
  return { code, last }
}

async function eachLine(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: Readable.fromWeb(stream) })) onLine(line)
}
