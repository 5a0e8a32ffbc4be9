import { DataType, GraphBuilder } from '../../onnx/index.ts'
import type { GraphOptions } from './common.ts'
import { asStored, type Tensors } from './tensors.ts'

/** What distinguishes one classifier from another. */
export interface MlpShape {
  /** Numbers per open reading frame: DNABERT-S' embedding, then ESM-2's. */
  readonly input: number
  readonly hidden: number
  /** others, virus */
  readonly classes: number
  readonly batchNormEps: number
}

/**
 * VirNucPro's classifier: linear, batch normalization with the training's statistics, ReLU, linear, softmax.
 * Always FP32: it is 0.1 % of the work.
 *
 * Input `features` FP32 [N,input]; output `probabilities` FP32 [N,classes], in the order others, virus.
 * With `traceLayers` also `hidden`, `bn` and `logits`.
 */
export function mlpGraph(shape: MlpShape, tensors: Tensors, options: GraphOptions = {}): GraphBuilder {
  const { input, hidden, classes } = shape
  const b = new GraphBuilder('virnucpro_mlp')
  const weight = (name: string, dims: number[]) =>
    b.weight(name, DataType.float, dims, asStored(tensors, name))
  const features = b.input('features', DataType.float, ['N', input])

  const first = [weight('hidden.weight', [hidden, input]), weight('hidden.bias', [hidden])]
  const x = b.node('Gemm', [features, ...first], { transB: 1 }, 'hidden')
  const statistics = ['weight', 'bias', 'running_mean', 'running_var'].map((name) =>
    weight(`norm.${name}`, [hidden]),
  )
  const y = b.node('BatchNormalization', [x, ...statistics], { epsilon: { float: shape.batchNormEps } }, 'bn')
  const last = [weight('output.weight', [classes, hidden]), weight('output.bias', [classes])]
  const logits = b.node('Gemm', [b.node('Relu', [y]), ...last], { transB: 1 }, 'logits')

  b.output(b.node('Softmax', [logits], { axis: 1 }, 'probabilities'), DataType.float, ['N', classes])
  if (options.traceLayers) {
    b.output(x, DataType.float, ['N', hidden])
    b.output(y, DataType.float, ['N', hidden])
    b.output(logits, DataType.float, ['N', classes])
  }
  return b
}
