import { ModelConfigError } from './errors.ts'
import { parseTextFormat, TextFormatError, type TextMessage, type TextValue } from './pbtxt.ts'

export interface TensorSpec {
  readonly name: string
  /** As in `TYPE_INT32`. */
  readonly type: string
  /** -1 where any size goes. */
  readonly dims: readonly number[]
}

/** What a client needs to know of a model. */
export interface ModelContract {
  readonly name: string
  readonly backend: string
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

/**
 * Reads a config.pbtxt back.
 *
 * @param path what errors call it
 * @throws {ModelConfigError} when it is no text of a protobuf message
 */
export function parseModelConfig(text: string, path: string): TextMessage {
  try {
    return parseTextFormat(text)
  } catch (error) {
    if (error instanceof TextFormatError) throw new ModelConfigError(path, [error.message])
    throw error
  }
}

/**
 * Compares a config.pbtxt with what clients of the model rely on.
 *
 * @throws {ModelConfigError} naming everything that differs
 */
export function checkModelConfig(text: string, path: string, expected: ModelContract): TextMessage {
  const config = parseModelConfig(text, path)
  const found = contractOf(config)
  const problems: string[] = []
  for (const key of ['name', 'backend', 'inputs', 'outputs'] as const) {
    const [is, should] = [JSON.stringify(found[key]), JSON.stringify(expected[key])]
    if (is !== should) problems.push(`${key}: expected ${should}, got ${is}`)
  }
  const batch = only(config, 'max_batch_size')
  if (batch !== 0) problems.push(`max_batch_size: expected 0, got ${batch}`)
  for (const group of messages(config, 'instance_group')) {
    const count = only(group, 'count')
    if (typeof count !== 'number' || count < 1) problems.push(`instance_group.count: got ${count}`)
  }
  if (problems.length > 0) throw new ModelConfigError(path, problems)
  return config
}

/** What a configuration says about the model's name, backend and tensors. */
export function contractOf(config: TextMessage): ModelContract {
  const tensors = (field: string) =>
    messages(config, field).map((tensor) => ({
      name: textOf(only(tensor, 'name')),
      type: textOf(only(tensor, 'data_type')),
      dims: (tensor.fields.get('dims') ?? []).map(Number),
    }))
  return {
    name: textOf(only(config, 'name')),
    backend: textOf(only(config, 'backend')),
    inputs: tensors('input'),
    outputs: tensors('output'),
  }
}

/** All messages of a repeated field. */
export function messages(message: TextMessage, field: string): TextMessage[] {
  return (message.fields.get(field) ?? []).filter(
    (value): value is TextMessage => typeof value === 'object' && 'fields' in value,
  )
}

function only(message: TextMessage, field: string): TextValue | undefined {
  return message.fields.get(field)?.at(-1)
}

function textOf(value: TextValue | undefined): string {
  if (typeof value === 'object' && 'identifier' in value) return value.identifier
  return value === undefined ? '' : String(value)
}
