import { smallest } from './parameters.ts'
import type {
  LogSettingsResponse,
  ModelMetadataResponse_TensorMetadata,
  TraceSettingResponse,
} from './proto/service_pb.ts'

/** Who the server is. */
export interface ServerMetadata {
  readonly name: string
  readonly version: string
  readonly extensions: readonly string[]
}

/** A tensor that a model takes or gives. */
export interface TensorMetadata {
  readonly name: string
  readonly datatype: string
  /** -1 where any size goes. */
  readonly shape: readonly number[]
}

/** What a model takes and gives. */
export interface ModelMetadata {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
}

/** A model in the repository, or one version of it. */
export interface RepositoryModel {
  readonly name: string
  readonly version: string
  /** READY, UNAVAILABLE, LOADING, UNLOADING, UNKNOWN; empty for one that was never loaded. */
  readonly state: string
  /** Why it is not ready. */
  readonly reason: string
}

/** A region of shared memory that the server knows. */
export interface SystemSharedMemoryRegion {
  readonly name: string
  /** Name of the POSIX shared memory object: `/NAME` is the file `/dev/shm/NAME`. */
  readonly key: string
  readonly byteSize: number | bigint
  readonly offset: number | bigint
}

export interface CudaSharedMemoryRegion {
  readonly name: string
  readonly deviceId: number | bigint
  readonly byteSize: number | bigint
}

/** Settings by name, such as `trace_level: ['TIMESTAMPS']`. */
export type TraceSettings = Readonly<Record<string, readonly string[]>>

/** Settings by name, such as `log_verbose_level: 1`. */
export type LogSettings = Readonly<Record<string, boolean | number | string>>

export function tensorMetadata(tensor: ModelMetadataResponse_TensorMetadata): TensorMetadata {
  return { name: tensor.name, datatype: tensor.datatype, shape: tensor.shape.map(Number) }
}

export function traceSettings({ settings }: TraceSettingResponse): TraceSettings {
  return Object.fromEntries(Object.entries(settings).map(([name, { value }]) => [name, value]))
}

export function logSettings({ settings }: LogSettingsResponse): LogSettings {
  const read: Record<string, boolean | number | string> = {}
  for (const [name, { parameterChoice }] of Object.entries(settings))
    if (parameterChoice.value !== undefined) read[name] = parameterChoice.value
  return read
}

export function systemRegion(region: {
  name: string
  key: string
  byteSize: bigint
  offset: bigint
}): SystemSharedMemoryRegion {
  const { name, key, byteSize, offset } = region
  return { name, key, byteSize: smallest(byteSize), offset: smallest(offset) }
}

export function cudaRegion(region: {
  name: string
  deviceId: bigint
  byteSize: bigint
}): CudaSharedMemoryRegion {
  const { name, deviceId, byteSize } = region
  return { name, deviceId: smallest(deviceId), byteSize: smallest(byteSize) }
}
