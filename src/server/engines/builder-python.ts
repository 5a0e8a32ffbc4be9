import { resolve } from 'node:path'
import * as v from 'valibot'
import type { Builder, BuildRequest, BuildResult, Target } from './builder.ts'
import { runChild } from './child.ts'
import { EngineBuildError } from './errors.ts'
import { ErrorEvent, GpuEvent, parseEvent, targetOf } from './events.ts'

const SCRIPT = resolve(import.meta.dir, 'python/build_engine.py')

const Event = v.variant('event', [
  GpuEvent,
  v.object({ event: v.literal('phase'), phase: v.string(), seconds: v.number() }),
  v.object({ event: v.literal('progress'), step: v.string(), done: v.number(), of: v.number() }),
  v.looseObject({ event: v.literal('done'), seconds: v.number() }),
  ErrorEvent,
])

const ADVICE: Readonly<Record<string, string>> = {
  'no-tensorrt':
    'Install TensorRT for this Python (the version of the server that will load the plan), name another with --python, ' +
    'or use --builder trtexec.',
  'no-gpu': 'Plans are built on the GPU that they are for: run this on a machine with one.',
}

/** Builds through TensorRT's Python bindings, in a process of their own. */
export class PythonBuilder implements Builder {
  readonly name = 'python'
  readonly #python: string

  constructor(python: string) {
    this.#python = python
  }

  async probe(): Promise<Target> {
    const { target } = await this.#run('TensorRT', ['--probe'], '{}', () => {})
    return target
  }

  async build(
    request: BuildRequest,
    onStep: (step: string) => void,
    signal?: AbortSignal,
  ): Promise<BuildResult> {
    const { model, ...rest } = request
    const { target, seconds } = await this.#run(model, [], JSON.stringify(rest), onStep, signal)
    if (seconds === undefined) throw new EngineBuildError(model, 'the builder ended without a plan')
    return { target, seconds }
  }

  async #run(
    model: string,
    flags: readonly string[],
    input: string,
    onStep: (step: string) => void,
    signal?: AbortSignal,
  ): Promise<{ target: Target; seconds: number | undefined }> {
    const seen: { target?: Target; seconds?: number; problem?: string } = {}
    const onLine = (line: string) => {
      const event = parseEvent(Event, line)
      if (event === undefined) return
      if (event.event === 'gpu') seen.target = targetOf(event)
      else if (event.event === 'done') seen.seconds = event.seconds
      else if (event.event === 'error')
        seen.problem = `${event.message}. ${ADVICE[event.kind] ?? ''}`.trimEnd()
      else onStep(event.event === 'phase' ? event.phase : `${event.step} ${event.done} of ${event.of}`)
    }
    const command = [this.#python, SCRIPT, ...flags]
    const { code, last } = await runChild(command, { model, input, onLine, signal })
    if (seen.problem !== undefined) throw new EngineBuildError(model, seen.problem, last)
    if (code !== 0 || seen.target === undefined) {
      throw new EngineBuildError(model, `${this.#python} ended with exit code ${code}`, last)
    }
    return { target: seen.target, seconds: seen.seconds }
  }
}
