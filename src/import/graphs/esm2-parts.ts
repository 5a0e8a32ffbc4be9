import { DataType, GraphBuilder } from '../../onnx/index.ts'
import { formOf, fromFloat, type GraphOptions, toFloat } from './common.ts'
import { type Esm2Shape, esm2Layer, lastNorm, MAX_RESIDUES } from './esm2.ts'
import { Layers } from './layers.ts'
import { rotations } from './rotary.ts'
import type { Tensors } from './tensors.ts'

/**
 * One layer of ESM-2 as a graph of its own, so that a model larger than memory can be followed layer by layer.
 * Input `x` FP32 [B,T,width], rows without padding; output `y` of the same shape.
 *
 * @param frequencies rotary frequencies of this layer, [size/2]
 */
export function esm2LayerGraph(
  shape: Esm2Shape,
  tensors: Tensors,
  frequencies: Float32Array,
  index: number,
  options: GraphOptions,
): GraphBuilder {
  const { precision = 'fp32' } = options
  const form = formOf(options)
  const b = new GraphBuilder(`esm2_layer_${index + 1}`)
  const layers = new Layers(b, tensors, options, shape.layerNormEps)
  const given = b.input('x', DataType.float, ['B', 'T', shape.width])
  const x = fromFloat(b, given, precision)
  const length = b.node('Gather', [b.node('Shape', [x]), b.ints([1], [])])
  const range = b.node('Range', [b.ints([0], []), length, b.ints([1], [])])
  const positions = b.node('Cast', [range], { to: DataType.int32 })
  const [angles] = rotations(b, positions, [frequencies], { precision, form })
  const result = esm2Layer(b, layers, x, { ...shape, index, angles: angles!, hide: (scores) => scores })
  b.output(b.node('Identity', [toFloat(b, result, precision)], {}, 'y'), DataType.float, [
    'B',
    'T',
    shape.width,
  ])
  return b
}

/** What follows the last layer: `x` FP32 [B,T,width], rows without padding, to `embedding` FP32 [B,width]. */
export function esm2EndGraph(
  shape: Esm2Shape,
  tensors: Tensors,
  options: Pick<GraphOptions, 'precision' | 'roundWeights' | 'watch'> = {},
): GraphBuilder {
  const { precision = 'fp32' } = options
  const b = new GraphBuilder('esm2_end')
  const layers = new Layers(b, tensors, options, shape.layerNormEps)
  const x = b.input('x', DataType.float, ['B', 'T', shape.width])
  const normed = toFloat(b, lastNorm(layers, fromFloat(b, x, precision), shape.width), precision)
  const inner = b.node('Slice', [normed, b.ints([1]), b.ints([-1]), b.ints([1])])
  const first = b.node('Slice', [inner, b.ints([0]), b.ints([MAX_RESIDUES]), b.ints([1])])
  const mean = b.node('ReduceMean', [first, b.ints([1])], { keepdims: 0 }, 'embedding')
  b.output(mean, DataType.float, ['B', shape.width])
  return b
}
