import type { Profile } from '../repository/index.ts'
import type { Builder, BuildRequest, BuildResult, Target } from './builder.ts'
import { runChild } from './child.ts'
import { EngineBuildError } from './errors.ts'

/** Builds through trtexec, which comes with Triton's and TensorRT's containers. */
export class TrtexecBuilder implements Builder {
  readonly name = 'trtexec'
  readonly #trtexec: string

  constructor(trtexec: string) {
    this.#trtexec = trtexec
  }

  probe(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async build(
    request: BuildRequest,
    onStep: (step: string) => void,
    signal?: AbortSignal,
  ): Promise<BuildResult> {
    const start = performance.now()
    const lines: string[] = []
    const onLine = (line: string) => {
      lines.push(line)
      if (/Start parsing|Finished parsing|Engine built|Serializ/i.test(line)) {
        onStep(line.replace(/^(\[[^\]]*\]\s*)+/, ''))
      }
    }
    const command = [this.#trtexec, ...argumentsOf(request)]
    const { code, last } = await runChild(command, { model: request.model, onLine, signal })
    // trtexec prints its errors to standard output as well.
    const words = [...last, ...lines.filter((line) => /\[E\]/.test(line))].slice(-12)
    if (code !== 0) throw new EngineBuildError(request.model, `trtexec ended with exit code ${code}`, words)
    return { target: targetOf(request.model, lines), seconds: (performance.now() - start) / 1000 }
  }
}

/** Strong typing is asked for always: TensorRT 10 needs the flag, 11 takes it and knows nothing else. */
export function argumentsOf(request: BuildRequest): string[] {
  const shapes = (profile: Profile, which: 'min' | 'opt' | 'max') => {
    const [rows, length] = profile[which]
    return `--${which}Shapes=input_ids:${rows}x${length},lengths:${rows}`
  }
  return [
    `--onnx=${request.onnx}`,
    `--saveEngine=${request.plan}`,
    '--stronglyTyped',
    ...request.profiles.flatMap((profile, i) => [
      `--profile=${i}`,
      shapes(profile, 'min'),
      shapes(profile, 'opt'),
      shapes(profile, 'max'),
    ]),
    `--builderOptimizationLevel=${request.optimizationLevel}`,
    ...(request.workspaceBytes === undefined
      ? []
      : [`--memPoolSize=workspace:${Math.floor(request.workspaceBytes / 2 ** 20)}M`]),
    `--timingCacheFile=${request.timingCache}`,
    '--profilingVerbosity=detailed',
    '--skipInference',
  ]
}

function targetOf(model: string, lines: readonly string[]): Target {
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
  return {
    gpu: find(/Selected Device:\s*(.+?)\s*$/) ?? 'unknown',
    computeCapability,
    tensorrt,
    memoryBytes: undefined,
  }
}
