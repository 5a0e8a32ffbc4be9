import { resolve } from 'node:path'
import * as v from 'valibot'
import type { Measurement } from './budgets.ts'
import type { Target } from './builder.ts'
import { runChild } from './child.ts'
import { EngineBuildError } from './errors.ts'
import { ErrorEvent, GpuEvent, parseEvent, targetOf } from './events.ts'

const SCRIPT = resolve(import.meta.dir, 'python/tune_engine.py')
/** Each batch is run for about so long. */
const MILLISECONDS = 400

const Event = v.variant('event', [
  GpuEvent,
  v.object({ event: v.literal('loaded'), seconds: v.number() }),
  v.object({
    event: v.literal('measured'),
    rows: v.number(),
    tokens: v.number(),
    milliseconds: v.number(),
  }),
  v.object({ event: v.literal('skipped'), rows: v.number(), tokens: v.number(), reason: v.string() }),
  v.object({ event: v.literal('done'), seconds: v.number() }),
  ErrorEvent,
])
type Event = v.InferOutput<typeof Event>

export interface TimingRequest {
  readonly model: string
  readonly plan: string
  readonly batches: readonly (readonly [rows: number, tokens: number])[]
}

/** Times batches of a plan through TensorRT's Python bindings, in a process of their own. */
export class Tuner {
  readonly #python: string

  constructor(python: string) {
    this.#python = python
  }

  /** The GPU and TensorRT of this machine. @throws {EngineBuildError} */
  async probe(): Promise<Target> {
    let target: Target | undefined
    await this.#run('TensorRT', ['--probe'], '{}', (event) => {
      if (event.event === 'gpu') target = targetOf(event)
    })
    if (target === undefined)
      throw new EngineBuildError('TensorRT', `${this.#python} did not say which GPU it has`)
    return target
  }

  /** @param onBatch told after each batch, with the reason where one was skipped @throws {EngineBuildError} */
  async time(
    { model, plan, batches }: TimingRequest,
    onBatch: (skipped: string | undefined) => void,
    signal?: AbortSignal,
  ): Promise<Measurement[]> {
    const measured: Measurement[] = []
    let whole = false
    const request = JSON.stringify({ plan, batches, milliseconds: MILLISECONDS })
    await this.#run(
      model,
      [],
      request,
      (event) => {
        if (event.event === 'measured') measured.push(event)
        if (event.event === 'measured') onBatch(undefined)
        else if (event.event === 'skipped') onBatch(`${event.rows} x ${event.tokens}: ${event.reason}`)
        else if (event.event === 'done') whole = true
      },
      signal,
    )
    if (!whole) throw new EngineBuildError(model, 'the measurement ended before it was done')
    return measured
  }

  async #run(
    model: string,
    flags: readonly string[],
    input: string,
    onEvent: (event: Event) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    let problem: string | undefined
    const onLine = (line: string) => {
      const event = parseEvent(Event, line)
      if (event?.event === 'error') problem = event.message
      else if (event !== undefined) onEvent(event)
    }
    const { code, last } = await runChild([this.#python, SCRIPT, ...flags], { model, input, onLine, signal })
    if (problem !== undefined) throw new EngineBuildError(model, problem, last)
    if (code !== 0) throw new EngineBuildError(model, `${this.#python} ended with exit code ${code}`, last)
  }
}
