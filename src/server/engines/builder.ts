import type { Profile } from '../repository/index.ts'

export type BuilderName = 'python' | 'trtexec'

/** What a builder is asked for. */
export interface BuildRequest {
  readonly model: string
  readonly onnx: string
  /** File to write. */
  readonly plan: string
  readonly profiles: readonly Profile[]
  readonly optimizationLevel: number
  readonly workspaceBytes: number | undefined
  readonly timingCache: string
}

/** The GPU and TensorRT that a builder builds for. */
export interface Target {
  readonly gpu: string
  /** Such as `9.0`. */
  readonly computeCapability: string
  readonly tensorrt: string
  readonly memoryBytes: number | undefined
}

export interface BuildResult {
  readonly target: Target
  readonly seconds: number
}

/** A program that turns graphs into plans. */
export interface Builder {
  readonly name: BuilderName
  /** What it would build for; undefined when it tells only by building. @throws {EngineBuildError} */
  probe(): Promise<Target | undefined>
  /** @param onStep told in words what is being done @throws {EngineBuildError} */
  build(request: BuildRequest, onStep: (step: string) => void, signal?: AbortSignal): Promise<BuildResult>
}
