import { TABLE_POSITIONS } from '../../bundle/index.ts'
import { DataType, type GraphBuilder, type Value } from '../../onnx/index.ts'
import { alibiSlopes } from './alibi.ts'
import { joinedProjections, type ProjectionOptions } from './attention.ts'
import type { Layers } from './layers.ts'
import { onceForEach } from './rotary.ts'

/** Numbers in a head that the kernel takes. */
export const FUSED_SIZES: readonly number[] = [16, 32, 64, 128]

/** What the kernel needs beside queries, keys and values. */
export interface FusedInputs {
  /** INT32 [B]: tokens of each row. */
  readonly lengths: Value
  /** What positions do: FP16 [positions,size] of cos, sin, cos, sin, ... or, for ALiBi, slopes FP32 [heads]. */
  readonly positions: Value
  readonly isAlibi: boolean
}

/**
 * Everything from `x` to the sum over values, [B,T,width] to [B,T,width], as one product and one operator of our own,
 * which `model_repository/python/attention.cu` computes in TensorRT. No other runtime knows it.
 * The operator is in ONNX's own domain, where TensorRT looks for plugins.
 */
export function fusedAttention(
  b: GraphBuilder,
  layers: Layers,
  x: Value,
  options: Omit<ProjectionOptions, 'turn'>,
  { lengths, positions, isAlibi }: FusedInputs,
): Value {
  const { width, heads } = options
  const all = joinedProjections(layers, x, options)
  const half = layers.precision === 'fp16' && { half: 1 }
  const attributes = { heads, size: width / heads, alibi: isAlibi ? 1 : 0, ...half }
  return b.node('VirnucproAttention', [all, lengths, positions], attributes)
}

/** cos and sin of every angle of each layer's rotary embedding; layers with the same frequencies share one table. */
export function fusedRotations(
  b: GraphBuilder,
  lengths: Value,
  inverseFrequencies: readonly Float32Array[],
): FusedInputs[] {
  return onceForEach(inverseFrequencies, (frequencies) => ({
    lengths,
    positions: waves(b, frequencies),
    isAlibi: false,
  }))
}

/** Slopes of ALiBi, the same for every layer. */
export function fusedAlibi(b: GraphBuilder, lengths: Value, heads: number): FusedInputs {
  return { lengths, positions: b.floats(alibiSlopes(heads), [heads]), isAlibi: true }
}

function waves(b: GraphBuilder, frequencies: Float32Array): Value {
  const size = 2 * frequencies.length
  const values = new Float32Array(TABLE_POSITIONS * size)
  for (let i = 0; i < values.length; i += 2) {
    const angle = Math.fround(Math.floor(i / size) * frequencies[(i % size) / 2]!)
    values[i] = Math.cos(angle)
    values[i + 1] = Math.sin(angle)
  }
  return b.floats(values, [TABLE_POSITIONS, size], DataType.float16)
}
