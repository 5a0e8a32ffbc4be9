import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { forModels, MODEL_NAMES, type ModelName, servedVersion } from '../../bundle/index.ts'

/** What a repository says that a server will host. */
export interface StatedModel {
  /** Identity of the numbers that the model gives. 64 hexadecimal digits. */
  readonly digest: string
  readonly precision: string
  /** The version that the digest stands for. */
  readonly version: string
}

/**
 * What a server with a repository will say of its models, without a server: read from the configurations as
 * `repository build` writes them. Undefined where one of them does not say it.
 */
export async function statedModels(folder: string): Promise<Record<ModelName, StatedModel> | undefined> {
  const texts = await Promise.all(
    MODEL_NAMES.map((model) => readFile(join(folder, model, 'config.pbtxt'), 'utf8').catch(() => '')),
  )
  const found = MODEL_NAMES.map((_, i) => statedIn(texts[i] as string))
  if (found.includes(undefined)) return undefined
  return forModels((model) => found[MODEL_NAMES.indexOf(model)] as StatedModel)
}

function statedIn(text: string): StatedModel | undefined {
  const parameter = (key: string) =>
    new RegExp(`^ *\\{ key: "${key}" value: \\{ string_value: "([0-9a-z]+)" \\} \\}`, 'm').exec(text)?.[1]
  const [digest, precision] = [parameter('digest'), parameter('precision')]
  if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest) || precision === undefined) return undefined
  return { digest, precision, version: servedVersion(digest) }
}
