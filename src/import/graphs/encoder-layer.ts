import type { GraphBuilder, Value } from '../../onnx/index.ts'
import type { FusedInputs } from './fused-attention.ts'
import type { Layers, Part } from './layers.ts'

/** A layer with norms before its halves. */
interface LayerOptions {
  readonly width: number
  readonly heads: number
  readonly hidden: number
  /** Full name of a layer's part. */
  readonly at: (name: string) => string
}

/**
 * A whole layer, [B,T,width] to [B,T,width], as one operator of our own, which `model_repository/python/encoder_layer.py`
 * computes in TensorRT; undefined where one of its products is not in FP8.
 */
export function encoderLayer(
  b: GraphBuilder,
  layers: Layers,
  x: Value,
  { width, heads, hidden, at }: LayerOptions,
  { lengths, positions }: FusedInputs,
): Value | undefined {
  const product = (
    name: string,
    inputs: number,
    outputs: number,
    parts: readonly Part[] = [{ name: at(name) }],
  ) => ({
    name: at(name),
    parts,
    inputs,
    outputs,
  })
  const query = { name: at('query'), scale: (width / heads) ** -0.5 }
  const inputs = layers.forOperator(at(''), [at('attention_norm'), at('ffn_norm')], width, [
    product('query_key_value', width, width, [query, { name: at('key') }, { name: at('value') }]),
    product('attention_out', width, width),
    product('ffn_in', width, hidden),
    product('ffn_out', hidden, width),
  ])
  if (inputs === undefined) return undefined
  const attributes = { width, heads, hidden }
  return b.node('VirnucproEncoderLayer', [x, lengths, positions, ...inputs], attributes)
}
