import { DataType, type GraphBuilder, type Value } from '../../onnx/index.ts'

/** Names of the outputs that tell of a product. */
export const watched = {
  inputMax: (product: string) => `${product}:input_max`,
  /** Of a product with its bias, what a layer norm is given, scores of attention, or what leaves the last layer norm. */
  resultMax: (name: string) => `${name}:result_max`,
  weightMax: (product: string) => `${product}:weight_max`,
  squaredError: (product: string) => `${product}:squared_error`,
  squares: (product: string) => `${product}:squares`,
  meanError: (product: string) => `${product}:mean_error`,
  mean: (product: string) => `${product}:mean`,
  inputChannels: (product: string) => `${product}:input_channels`,
  /** @param input the first product of the same input */
  weightChannels: (product: string, input: string) => `${product}:weight_channels:${input}`,
}

/** What an output named by `watched` tells the channels of; undefined for any other output. */
export function channelsOf(output: string): { of: 'input' | 'weight'; input: string } | undefined {
  const [product, kind, input] = output.split(':') as [string, string?, string?]
  if (kind === 'input_channels') return { of: 'input', input: product }
  return kind === 'weight_channels' && input !== undefined ? { of: 'weight', input } : undefined
}

/** What an output that is a largest magnitude tells of, in words for people, layers from 1. */
export function placeOf(output: string): string {
  const [name = '', kind] = output.split(':')
  const [, layer, part = name] = /^layers\.(\d+)\.(.+)$/.exec(name) ?? []
  const what = { input_max: 'what goes into ', weight_max: 'weights of ' }[kind ?? ''] ?? ''
  return `${what}${part}${layer === undefined ? '' : ` in layer ${Number(layer) + 1}`}`
}

/** Whether an output is a largest magnitude of those that `watched` names. */
export function isLargest(output: string): boolean {
  return output.endsWith('_max')
}

/** Declares the largest magnitudes of both factors of an FP32 product as outputs, FP32 []. */
export function watchRanges(b: GraphBuilder, product: string, input: Value, weight: Value): void {
  watchLargest(b, watched.inputMax(product), input)
  watchLargest(b, watched.weightMax(product), weight)
}

/** Declares the largest magnitude of `x`, FP32, as the output `name`, FP32 []. */
export function watchLargest(b: GraphBuilder, name: string, x: Value): void {
  b.output(b.node('ReduceMax', [b.node('Abs', [x])], { keepdims: 0 }, name), DataType.float, [])
}

/** Declares the largest magnitude of each channel of an input of products, [B,T,inputs], as an output, FP32 [inputs]. */
export function watchInputChannels(b: GraphBuilder, product: string, input: Value, inputs: number): void {
  const largest = b.node('ReduceMax', [b.node('Abs', [input]), b.ints([0, 1])], { keepdims: 0 })
  b.output(b.node('Identity', [largest], {}, watched.inputChannels(product)), DataType.float, [inputs])
}

/** Declares the largest magnitude of the weights that each input channel meets as an output, FP32 [inputs]. */
export function watchWeightChannels(
  b: GraphBuilder,
  { product, input, inputs }: { product: string; input: string; inputs: number },
  weight: Value,
): void {
  const largest = b.node('ReduceMax', [b.node('Abs', [weight]), b.ints([1])], { keepdims: 0 })
  b.output(b.node('Identity', [largest], {}, watched.weightChannels(product, input)), DataType.float, [
    inputs,
  ])
}

/**
 * Declares how far a product in FP8 is from the exact one, over all tokens: sums of squares of the difference and of
 * the product, FP32 [], and the means of both, FP32 [outputs].
 */
export function watchError(
  b: GraphBuilder,
  product: string,
  { exact, rounded, outputs }: { exact: Value; rounded: Value; outputs: number },
): void {
  const difference = b.node('Sub', [rounded, exact])
  const show = (x: Value, sum: string, mean: string) => {
    b.output(b.node('ReduceSumSquare', [x], { keepdims: 0 }, sum), DataType.float, [])
    b.output(b.node('ReduceMean', [x, b.ints([0, 1])], { keepdims: 0 }, mean), DataType.float, [outputs])
  }
  show(difference, watched.squaredError(product), watched.meanError(product))
  show(exact, watched.squares(product), watched.mean(product))
}
