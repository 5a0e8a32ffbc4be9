import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { invalidArgument } from './errors.ts'
import { smallest } from './parameters.ts'
import {
  type CudaSharedMemoryStatusResponse_RegionStatus,
  type LogSettingsResponse,
  type ModelMetadataResponse_TensorMetadata,
  ModelRepositoryParameterSchema,
  type RepositoryModelLoadRequestSchema,
  type SystemSharedMemoryStatusResponse_RegionStatus,
  type TraceSettingResponse,
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

/** Instead of what lies in the repository. */
export interface LoadOverrides {
  /** A model configuration: an object in the form of Triton's JSON, or its text. */
  readonly config?: object | string
  /** Files of the model by their paths in the model's folder, such as `1/model.onnx`; needs `config`. */
  readonly files?: Readonly<Record<string, Uint8Array>>
}

export function loadRequest(
  model: string,
  { config, files = {} }: LoadOverrides,
): MessageInitShape<typeof RepositoryModelLoadRequestSchema> {
  if (config === undefined && Object.keys(files).length > 0)
    throw invalidArgument(`model "${model}": to load files, give its config too`, { model })
  const parameters = Object.entries(files).map(([path, bytes]) => [
    `file:${path}`,
    create(ModelRepositoryParameterSchema, { parameterChoice: { case: 'bytesParam', value: bytes } }),
  ])
  if (config !== undefined) {
    const value = typeof config === 'string' ? config : JSON.stringify(config)
    parameters.push([
      'config',
      create(ModelRepositoryParameterSchema, { parameterChoice: { case: 'stringParam', value } }),
    ])
  }
  return { modelName: model, parameters: Object.fromEntries(parameters) }
}

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

export function systemRegion({
  name,
  key,
  byteSize,
  offset,
}: SystemSharedMemoryStatusResponse_RegionStatus): SystemSharedMemoryRegion {
  return { name, key, byteSize: smallest(byteSize), offset: smallest(offset) }
}

export function cudaRegion({
  name,
  deviceId,
  byteSize,
}: CudaSharedMemoryStatusResponse_RegionStatus): CudaSharedMemoryRegion {
  return { name, deviceId: smallest(deviceId), byteSize: smallest(byteSize) }
}
