import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Datatype of requests to the name in model configurations. */
export const CONFIG_TYPE: Readonly<Record<string, string>> = {
  BOOL: 'TYPE_BOOL',
  UINT8: 'TYPE_UINT8',
  UINT16: 'TYPE_UINT16',
  UINT32: 'TYPE_UINT32',
  UINT64: 'TYPE_UINT64',
  INT8: 'TYPE_INT8',
  INT16: 'TYPE_INT16',
  INT32: 'TYPE_INT32',
  INT64: 'TYPE_INT64',
  FP16: 'TYPE_FP16',
  BF16: 'TYPE_BF16',
  FP32: 'TYPE_FP32',
  FP64: 'TYPE_FP64',
  BYTES: 'TYPE_STRING',
}

interface Model {
  /** File in models/ without its ending. */
  readonly program: string
  readonly datatype: string
  readonly dims?: readonly number[]
  readonly instances?: number
  readonly more?: string
}

/** Models with one input IN and one output OUT of the same type and shape. */
const MODELS: Readonly<Record<string, Model>> = {
  echo: { program: 'echo', datatype: 'UINT8', instances: 2 },
  sleep: { program: 'sleep', datatype: 'FP32', dims: [1], instances: 2 },
  faulty: { program: 'faulty', datatype: 'BYTES', dims: [1] },
  repeat: {
    program: 'repeat',
    datatype: 'INT32',
    dims: [1],
    more: 'model_transaction_policy { decoupled: true }',
  },
  ...Object.fromEntries(
    Object.keys(CONFIG_TYPE).map((datatype) => [
      `same_${datatype.toLowerCase()}`,
      { program: 'same', datatype, dims: [-1, -1] },
    ]),
  ),
}

/** Writes a model repository with these models, or all of them. */
export function writeRepository(folder: string, names: readonly string[] = Object.keys(MODELS)): string {
  for (const name of names) {
    const model = MODELS[name]
    if (model === undefined) throw new Error(`no model ${name}`)
    mkdirSync(join(folder, name, '1'), { recursive: true })
    cpSync(join(import.meta.dir, 'models', `${model.program}.py`), join(folder, name, '1', 'model.py'))
    writeFileSync(join(folder, name, 'config.pbtxt'), config(name, model))
  }
  return folder
}

function config(name: string, { datatype, dims = [-1], instances = 1, more = '' }: Model): string {
  const tensor = (of: string) =>
    `{ name: "${of}", data_type: ${CONFIG_TYPE[datatype]}, dims: [ ${dims.join(', ')} ] }`
  return `name: "${name}"
backend: "python"
max_batch_size: 0
input [ ${tensor('IN')} ]
output [ ${tensor('OUT')} ]
instance_group [ { kind: KIND_CPU, count: ${instances} } ]
${more}
`
}
