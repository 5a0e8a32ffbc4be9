import { dirname } from 'node:path'
import type { Profile } from '../repository/index.ts'
import { EngineBuildError } from './errors.ts'
import { type Launching, runChild, runScript, type ScriptEvent, type Target } from './tensorrt.ts'

/** What a builder is asked for. */
export interface BuildRequest extends Launching {
  readonly model: string
  readonly onnx: string
  /** File to write. */
  readonly plan: string
  readonly profiles: readonly Profile[]
  readonly optimizationLevel: number
  readonly workspaceBytes: number | undefined
  readonly timingCache: string
}

/** A program that turns graphs into plans. */
type Build = (
  /** Name or path of the program. */
  program: string,
  request: BuildRequest,
  /** Called with what is being done. */
  onStep: (step: string) => void,
  signal?: AbortSignal,
) => Promise<{ target: Target; seconds: number }>

export const builders = {
  /** TensorRT's Python bindings. */
  python: (python, { model, environment, contain: _, ...request }, onStep, signal) => {
    const onEvent = (event: ScriptEvent) => {
      if (event.event === 'phase') onStep(event.phase)
      else if (event.event === 'progress') onStep(`${event.step} ${event.done} of ${event.of}`)
    }
    return runScript({
      python,
      script: 'build_engine.py',
      subject: model,
      request,
      onEvent,
      environment,
      signal,
    })
  },
  /** trtexec, which comes with Triton's and TensorRT's containers. */
  async trtexec(program, request, onStep, signal) {
    const start = performance.now()
    const lines: string[] = []
    const onLine = (line: string) => {
      lines.push(line)
      if (/Start parsing|Finished parsing|Engine built|Serializ/i.test(line))
        onStep(line.replace(/^(\[[^\]]*\]\s*)+/, ''))
    }
    const { environment = {}, contain } = request
    const inner = [program, ...argumentsOf(request)]
    // The weights lie beside the graph, and the timing cache beside the plan.
    const sees = { reads: [dirname(request.onnx)], writes: [dirname(request.plan)], environment }
    const command = contain === undefined ? inner : contain(inner, sees)
    const { code, last } = await runChild(command, request.model, { onLine, environment, signal })
    // It prints its errors to standard output as well.
    const words = [...last, ...lines.filter((line) => /\[E\]/.test(line))].slice(-12)
    if (code !== 0) throw new EngineBuildError(request.model, `trtexec ended with exit code ${code}`, words)
    return { target: targetIn(lines, request.model), seconds: (performance.now() - start) / 1000 }
  },
} as const satisfies Record<string, Build>
export type BuilderName = keyof typeof builders

/** Strong typing is asked for always: TensorRT 10 needs the flag, 11 takes it and knows nothing else. */
function argumentsOf(request: BuildRequest): string[] {
  const { profiles, workspaceBytes } = request
  const shapes = (profile: Profile) =>
    (['min', 'opt', 'max'] as const).map((which) => {
      const [rows, length] = profile[which]
      return `--${which}Shapes=input_ids:${rows}x${length},lengths:${rows}`
    })
  return [
    `--onnx=${request.onnx}`,
    `--saveEngine=${request.plan}`,
    '--stronglyTyped',
    ...profiles.flatMap((profile, i) => [`--profile=${i}`, ...shapes(profile)]),
    `--builderOptimizationLevel=${request.optimizationLevel}`,
    ...(workspaceBytes === undefined
      ? []
      : [`--memPoolSize=workspace:${Math.floor(workspaceBytes / 2 ** 20)}M`]),
    `--timingCacheFile=${request.timingCache}`,
    '--profilingVerbosity=detailed',
    '--skipInference',
  ]
}

function targetIn(lines: readonly string[], model: string): Target {
  const find = (pattern: RegExp) =>
    lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined)
  const computeCapability = find(/Compute Capability:\s*(\d+\.\d)/)
  const tensorrt = find(/TensorRT version:\s*(\d+(?:\.\d+)+)/)
  if (computeCapability === undefined || tensorrt === undefined) {
    throw new EngineBuildError(
      model,
      'trtexec did not say which GPU and TensorRT it built for: expected lines with "Compute Capability:" and "TensorRT version:"',
      lines.slice(-12),
    )
  }
  const gpu = find(/Selected Device:\s*(.+?)\s*$/) ?? 'unknown'
  return { gpu, computeCapability, tensorrt, memoryBytes: undefined }
}
