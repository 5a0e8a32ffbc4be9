import { parseTextFormat, type TextMessage, type TextValue } from './pbtxt.ts'

interface TensorSpec {
  readonly name: string
  /** As in `TYPE_INT32`. */
  readonly type: string
  /** -1 where any size goes. */
  readonly dims: readonly number[]
}

/** What a client needs to know of a model. */
interface ModelContract {
  readonly name: string
  readonly backend: string
  /** 0: the server neither merges nor splits requests. */
  readonly maxBatchSize: number
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

/** What a config.pbtxt says about the model's name, backend and tensors. @throws where it is no text of a protobuf message */
export function contractOf(text: string): ModelContract {
  const config = parseTextFormat(text)
  const tensors = (field: string) =>
    messages(config, field).map((tensor) => ({
      name: textOf(only(tensor, 'name')),
      type: textOf(only(tensor, 'data_type')),
      dims: (tensor.fields.get('dims') ?? []).map(Number),
    }))
  return {
    name: textOf(only(config, 'name')),
    backend: textOf(only(config, 'backend')),
    maxBatchSize: Number(only(config, 'max_batch_size')),
    inputs: tensors('input'),
    outputs: tensors('output'),
  }
}

/** All messages of a repeated field. */
function messages(message: TextMessage, field: string): TextMessage[] {
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
