/** How the weights of a Hugging Face folder may be stored, the safest first. */
export const WEIGHTS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const

/** A shard, and the index that lists it. */
const SHARD = /^(model|pytorch_model)-(\d{5})-of-(\d{5})\.(safetensors|bin)$/

/**
 * The files of a folder that are its model: those beside the weights first, the file that makes the weights whole last.
 * Nothing else of a folder is ever taken.
 *
 * @returns undefined when one of them is missing
 */
export function filesOfModel(names: ReadonlySet<string>, beside: readonly string[]): string[] | undefined {
  const weights = WEIGHTS.find((name) => names.has(name))
  if (weights === undefined || !beside.every((name) => names.has(name))) return undefined
  const shards = weights.endsWith('.index.json') ? shardsOf(weights, names) : []
  return shards && [...beside, ...shards, weights]
}

function shardsOf(index: string, names: ReadonlySet<string>): string[] | undefined {
  const [stem, , kind] = index.split('.').length === 4 ? index.split('.') : []
  const found = [...names].filter((name) => SHARD.test(name) && name.startsWith(`${stem}-`)).sort()
  const total = Number(SHARD.exec(found[0] ?? '')?.[3] ?? -1)
  return kind !== undefined && found.length === total ? found : undefined
}

/** The shards that the text of an index lists. */
export function shardsInIndex(index: unknown): string[] {
  const map = (index as { weight_map?: unknown } | null)?.weight_map
  const names = typeof map === 'object' && map !== null ? Object.values(map) : []
  return [...new Set(names.filter((name) => typeof name === 'string' && SHARD.test(name)) as string[])]
}
