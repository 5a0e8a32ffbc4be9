import { join } from 'node:path'
import * as v from 'valibot'
import { ModelError } from '../../bundle/index.ts'
import { parseJson } from '../../system/json.ts'
import { readText } from '../../system/read-within.ts'
import { unlessMissing } from '../../system/system-error.ts'
import { PickleObject, type PyValue } from '../../torchfile/index.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(1))

/** What changes the arithmetic of ESM-2 in transformers; the rest of config.json repeats tensor shapes. */
const Esm2ConfigSchema = v.looseObject({
  model_type: v.literal('esm'),
  num_attention_heads: count,
  position_embedding_type: v.optional(v.literal('rotary')),
  emb_layer_norm_before: v.nullish(v.literal(false)),
  token_dropout: v.nullish(v.boolean()),
  layer_norm_eps: v.optional(v.number()),
  hidden_act: v.optional(v.literal('gelu')),
  _name_or_path: v.optional(v.string()),
})

/** The same for DNABERT-2, whose configuration is BERT's with ALiBi. */
const DnabertConfigSchema = v.looseObject({
  model_type: v.optional(v.literal('bert')),
  num_attention_heads: count,
  layer_norm_eps: v.optional(v.number()),
  hidden_act: v.optional(v.literal('gelu')),
  _name_or_path: v.optional(v.string()),
})

export type Esm2Config = v.InferOutput<typeof Esm2ConfigSchema>
export type DnabertConfig = v.InferOutput<typeof DnabertConfigSchema>

/** Reads the config.json of an ESM-2 in a folder; undefined when there is none. */
export function readEsm2Config(folder: string): Promise<Esm2Config | undefined> {
  return readConfig(folder, Esm2ConfigSchema, 'an ESM-2 model of transformers')
}

/** Reads the config.json of a DNABERT-S in a folder; undefined when there is none. */
export function readDnabertConfig(folder: string): Promise<DnabertConfig | undefined> {
  return readConfig(folder, DnabertConfigSchema, 'a DNABERT-S model')
}

async function readConfig<T>(
  folder: string,
  schema: v.GenericSchema<unknown, T>,
  what: string,
): Promise<T | undefined> {
  const path = join(folder, 'config.json')
  const text = await readText(path).catch(unlessMissing(path))
  if (text === undefined) return undefined
  let json: unknown
  try {
    json = parseJson(text)
  } catch (cause) {
    throw new ModelError(`${path}: ${(cause as Error).message}. Download it again.`, { cause })
  }
  const result = v.safeParse(schema, json)
  if (result.success) return result.output
  const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`)
  throw new ModelError([
    `${path} does not describe ${what}:`,
    ...problems.map((line) => `  ${line}`),
    'Check that it is the right folder.',
  ])
}

/** Settings that fair-esm keeps beside the weights, in `cfg.model` (an argparse.Namespace) or, before, in `args`. */
export function fairEsmSettings(root: PyValue | undefined): { heads?: number; tokenDropout?: boolean } {
  if (!(root instanceof Map)) return {}
  const config = root.get('cfg')
  const settings = (config instanceof Map ? config.get('model') : undefined) ?? root.get('args')
  const heads = attributeOf(settings, 'encoder_attention_heads')
  const tokenDropout = attributeOf(settings, 'token_dropout')
  return {
    ...(typeof heads === 'number' && { heads }),
    ...(typeof tokenDropout === 'boolean' && { tokenDropout }),
  }
}

function attributeOf(settings: PyValue | undefined, name: string): PyValue | undefined {
  if (settings instanceof PickleObject) return settings.get(name)
  return settings instanceof Map ? settings.get(name) : undefined
}
