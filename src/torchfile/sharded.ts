import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseJson } from '../system/json.ts'
import { reasonOf } from '../system/problems.ts'
import { TorchFileError } from './errors.ts'
import { MAX_INDEX_BYTES } from './limits.ts'
import { openTorchFile } from './open.ts'
import { openSafetensors } from './safetensors.ts'
import type { TensorInfo } from './tensor.ts'
import type { StreamOptions } from './tensor-data.ts'
import { type WeightSource, weightSourceFromStateDict } from './weight-source.ts'

class ShardedSource implements WeightSource {
  readonly path: string
  readonly #homes: ReadonlyMap<string, WeightSource>
  readonly #shards: readonly WeightSource[]

  constructor(path: string, homes: ReadonlyMap<string, WeightSource>, shards: readonly WeightSource[]) {
    this.path = path
    this.#homes = homes
    this.#shards = shards
  }

  #home(name: string): WeightSource {
    const home = this.#homes.get(name)
    if (home) return home
    throw new TorchFileError(this.path, `has no tensor ${name}`, {
      advice: 'Check that it is the right model.',
    })
  }

  names(): string[] {
    return [...this.#homes.keys()]
  }
  get(name: string): TensorInfo | undefined {
    return this.#homes.get(name)?.get(name)
  }
  async read(name: string): Promise<Uint8Array> {
    return this.#home(name).read(name)
  }
  async readF32(name: string): Promise<Float32Array> {
    return this.#home(name).readF32(name)
  }
  stream(name: string, options?: StreamOptions): AsyncGenerator<Uint8Array> {
    return this.#home(name).stream(name, options)
  }
  async close(): Promise<void> {
    await Promise.all(this.#shards.map((shard) => shard.close()))
  }
}

async function readIndex(path: string): Promise<Map<string, string>> {
  const fail = (what: string, cause?: unknown) => new TorchFileError(path, what, { cause })
  let json: unknown
  try {
    if ((await stat(path)).size > MAX_INDEX_BYTES) throw new Error('it is too large')
    json = parseJson(await readFile(path, 'utf8'))
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
      throw fail(`the index names shard ${String(file)}, which is no file name`)
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
  const homes = new Map<string, WeightSource>()
  try {
    for (const [name, file] of index) {
      let shard = shards.get(file)
      if (!shard) {
        shard = await open(join(directory, file))
        shards.set(file, shard)
      }
      if (!shard.get(name))
        throw new TorchFileError(shard.path, `has no tensor ${name}, but the index ${indexName} says so`)
      homes.set(name, shard)
    }
  } catch (error) {
    await Promise.all([...shards.values()].map((shard) => shard.close()))
    throw error
  }
  return new ShardedSource(directory, homes, [...shards.values()])
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
    try {
      return weightSourceFromStateDict(file, file.root)
    } catch (error) {
      await file.close()
      throw error
    }
  })
}
