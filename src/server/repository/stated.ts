import { join } from 'node:path'
import {
  factsOfStatement,
  forModels,
  type HostedName,
  MODEL_NAMES,
  type ModelName,
  PARTNER_NAMES,
  type PartnerName,
  parseStatement,
  type RecheckFacts,
  servedVersion,
} from '../../bundle/index.ts'
import { readText } from '../../system/read-within.ts'

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
  const texts = await Promise.all(MODEL_NAMES.map((model) => configOf(folder, model)))
  const found = MODEL_NAMES.map((_, i) => statedIn(texts[i] as string))
  if (found.includes(undefined)) return undefined
  return forModels((model) => found[MODEL_NAMES.indexOf(model)] as StatedModel)
}

/** What a server with a repository can recheck, as it will state it; undefined where it hosts no partner. */
export async function statedRecheck(folder: string): Promise<RecheckFacts | undefined> {
  for (const name of PARTNER_NAMES) {
    const text = await configOf(folder, name)
    const served = statedIn(text)
    const facts = factsOfStatement(name, served, parseStatement((await statementIn(folder, name)) ?? ''))
    if (facts !== undefined) return facts
  }
  return undefined
}

/** The text of what a partner states; undefined where a repository has none. */
export async function statementIn(folder: string, name: PartnerName): Promise<string | undefined> {
  return stringIn(await configOf(folder, name), 'recheck')
}

async function configOf(folder: string, model: HostedName): Promise<string> {
  return await readText(join(folder, model, 'config.pbtxt')).catch(() => '')
}

/** A parameter as `quote` writes it. */
function stringIn(text: string, key: string): string | undefined {
  const found = new RegExp(
    `^ *\\{ key: "${key}" value: \\{ string_value: "((?:[^"\\\\]|\\\\.)*)" \\} \\}`,
    'm',
  ).exec(text)
  return found?.[1]?.replace(/\\(.)/g, '$1')
}

function statedIn(text: string): StatedModel | undefined {
  const [digest, precision] = [stringIn(text, 'digest'), stringIn(text, 'precision')]
  if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest) || precision === undefined) return undefined
  if (!/^[0-9a-z]+$/.test(precision)) return undefined
  return { digest, precision, version: servedVersion(digest) }
}
