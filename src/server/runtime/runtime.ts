import type { ServerChoice } from '../../home/index.ts'
import type { BuilderName, Launching } from '../engines/index.ts'
import type { ServeOptions } from '../serve/index.ts'

/** A server of this machine, and the program that builds TensorRT plans for it. */
export interface Runtime {
  readonly kind: ServerChoice['kind']
  /** The record from which {@link openRuntime} finds it again. */
  readonly choice: ServerChoice
  /** For messages: `/opt/tritonserver/bin/tritonserver`. */
  readonly label: string
  /** For `startServer`. */
  readonly launch: RuntimeLaunch
  /** For `buildEngines` and, with Python bindings, `tuneEngines`. */
  readonly builder: RuntimeBuilder
  /** Which backend of the server takes plans. */
  readonly repositoryBackend: 'tensorrt' | 'python'
  /** The fastest form of attention that both the builder and the server have. */
  readonly attention: 'standard' | 'fused'
  /** Whether both have what fused attention needs in FP8, where whole layers are fused: cuBLASLt. */
  readonly products: boolean
  /** Version of TensorRT that plans are built by and loaded in. @throws RuntimeError when it cannot be asked */
  tensorrt(signal?: AbortSignal): Promise<string>
}

export type RuntimeLaunch = Pick<
  ServeOptions,
  'serverBin' | 'backendDirectory' | 'libraryPath' | 'container' | 'image'
>

/** `python` and `trtexec` as the builder's name asks for. */
export interface RuntimeBuilder extends Launching {
  readonly builder: BuilderName
  readonly python?: string
  readonly trtexec?: string
}
