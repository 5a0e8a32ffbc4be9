import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { invalidArgument } from './errors.ts'
import { ModelRepositoryParameterSchema, type RepositoryModelLoadRequestSchema } from './proto/service_pb.ts'

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
