import { basename, join } from 'node:path'
import { parseJson } from '../system/json.ts'
import { orClose } from '../system/or-close.ts'
import { reasonOf } from '../system/problems.ts'
import { readText } from '../system/read-within.ts'
import { TorchFileError } from './errors.ts'
import { MAX_INDEX_BYTES } from './limits.ts'
import { openTorchFile } from './open.ts'
import { openSafetensors } from './safetensors.ts'
import { shown } from './shown.ts'
import type { StoredTensor } from './tensor.ts'
import { type WeightSource, weightSource, weightSourceFromStateDict } from './weight-source.ts'

async function readIndex(path: string): Promise<Map<string, string>> {
  const fail = (what: string, cause?: unknown) => new TorchFileError(path, what, { cause })
  let json: unknown
  try {
    json = parseJson(await readText(path, MAX_INDEX_BYTES))
  } catch (cause) {
    throw fail(`the index of shards cannot be read (${reasonOf(cause)})`, cause)
  }
  const entries =
    typeof json === 'object' && json !== null && 'weight_map' in json ? json.weight_map : undefined
  if (typeof entries !== 'object' || entries === null) throw fail('the index of shards has no weight_map')
  const map = new Map<string, string>()
  for (const [name, file] of Object.entries(entries)) {
    // A shard lies beside its index; anything else would let an index name any file of the machine.
    const plain = typeof file === 'string' && file !== '' && file !== '..' && !/[\\/\0]/.test(file)
    if (!plain || basename(file) !== file)
      throw fail(`the index names shard ${shown(file)}, which is not a file name`)
    map.set(name, file)
  }
  return map
}

async function openShards(
  directory: string,
  indexName: string,
  open: (path: string) => Promise<WeightSource>,
): Promise<WeightSource> {
  const index = await readIndex(join(directory, indexName))
  const shards = new Map<string, WeightSource>()
  const tensors = new Map<string, StoredTensor>()
  const close = async () => void (await Promise.all([...shards.values()].map((shard) => shard.close())))
  await orClose({ close }, async () => {
    for (const [name, file] of index) {
      const shard = shards.get(file) ?? (await open(join(directory, file)))
      shards.set(file, shard)
      const info = shard.get(name)
      if (!info)
        throw new TorchFileError(shard.path, `has no tensor ${name}, but the index ${indexName} says so`)
      tensors.set(name, {
        info,
        read: () => shard.read(name),
        stream: (options) => shard.stream(name, options),
      })
    }
  })
  return weightSource(directory, tensors, close)
}

/**
 * Opens a model saved in several safetensors files.
 * @param directory holds `model.safetensors.index.json` and the files it names
 */
export function openSafetensorsIndex(directory: string): Promise<WeightSource> {
  return openShards(directory, 'model.safetensors.index.json', openSafetensors)
}

/**
 * Opens a model saved in several PyTorch files.
 * @param directory holds `pytorch_model.bin.index.json` and the files it names
 */
export function openTorchIndex(directory: string): Promise<WeightSource> {
  return openShards(directory, 'pytorch_model.bin.index.json', async (path) => {
    const file = await openTorchFile(path)
    return await orClose(file, () => weightSourceFromStateDict(file, file.root))
  })
}
