import { TensorMismatchError } from '../../bundle/index.ts'
import type { WeightSource } from '../../torchfile/index.ts'
import type { Tensors } from '../graphs/tensors.ts'

/** Where a tensor of a graph comes from. */
export interface TensorOrigin {
  /** Its name in the file. */
  readonly from: string
  /** The shape that it must have in the file. */
  readonly shape: readonly number[]
  /** Only these rows of it, first to behind the last; all where absent. */
  readonly rows?: readonly [number, number]
}

/** Graph tensor name to origin. */
export type TensorMap = ReadonlyMap<string, TensorOrigin>

/**
 * Compares a file with what the architecture needs.
 *
 * @param known recognizes names that the architecture may have and inference does not use
 * @throws TensorMismatchError with every difference
 */
export function checkTensors(
  model: string,
  source: WeightSource,
  map: TensorMap,
  known: (name: string) => boolean,
): void {
  const wanted = new Map([...map.values()].map((origin) => [origin.from, origin]))
  const missing: string[] = []
  const misshapen: string[] = []
  for (const { from, shape } of wanted.values()) {
    const found = source.get(from)
    if (found === undefined) missing.push(from)
    else if (String(found.shape) !== String(shape)) {
      misshapen.push(`${from}: expected [${shape.join(', ')}], found [${found.shape.join(', ')}]`)
    } else if (!isFloat(found.dtype)) misshapen.push(`${from}: expected real numbers, found ${found.dtype}`)
  }
  const unexpected = [...source.names()].filter((name) => !wanted.has(name) && !known(name))
  if (missing.length + misshapen.length + unexpected.length > 0) {
    throw new TensorMismatchError(model, source.path, { missing, unexpected, misshapen })
  }
}

/** The tensors of a file by the names of the graph. */
export function mapped(source: WeightSource, map: TensorMap): Tensors {
  return {
    async read(name) {
      const origin = map.get(name)
      if (origin === undefined) throw new Error(`no origin for tensor ${name}`)
      const values = await source.readF32(origin.from)
      if (origin.rows === undefined) return values
      const width = values.length / origin.shape[0]!
      return values.subarray(origin.rows[0] * width, origin.rows[1] * width)
    },
  }
}

/** How many layers there are under `prefix`, as in `prefix3.rest`: one more than the highest number. */
export function countLayers(source: WeightSource, prefix: string): number {
  let layers = 0
  for (const name of source.names()) {
    if (!name.startsWith(prefix)) continue
    const index = Number.parseInt(name.slice(prefix.length), 10)
    if (index >= layers) layers = index + 1
  }
  return layers
}

/** What stands before `suffix` in the name of a tensor that ends so; undefined when there is none. */
export function prefixOf(source: WeightSource, suffix: string): string | undefined {
  for (const name of source.names()) {
    if (name === suffix || name.endsWith(`.${suffix}`)) return name.slice(0, -suffix.length)
  }
  return undefined
}

/** Size of one dimension of a tensor; 0 when it is absent, which `checkTensors` then reports. */
export function sizeOf(source: WeightSource, name: string, dimension: number): number {
  return source.get(name)?.shape[dimension] ?? 0
}

/** Both spellings are in use: float32 and torch's float, F32 and BF16 of safetensors. */
function isFloat(dtype: string): boolean {
  return /^(b?float(16|32|64)?|half|double|B?F(16|32|64))$/.test(dtype)
}
