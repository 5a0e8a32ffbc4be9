import { DataType, type GraphBuilder, type Value } from '../../onnx/index.ts'

/** Names of the outputs that tell of a product. */
export const watched = {
  inputMax: (product: string) => `${product}:input_max`,
  weightMax: (product: string) => `${product}:weight_max`,
  squaredError: (product: string) => `${product}:squared_error`,
  squares: (product: string) => `${product}:squares`,
  meanError: (product: string) => `${product}:mean_error`,
  mean: (product: string) => `${product}:mean`,
}

/** Declares the largest magnitudes of both factors of an FP32 product as outputs, FP32 []. */
export function watchRanges(b: GraphBuilder, product: string, input: Value, weight: Value): void {
  const largest = (x: Value, name: string) =>
    b.output(b.node('ReduceMax', [b.node('Abs', [x])], { keepdims: 0 }, name), DataType.float, [])
  largest(input, watched.inputMax(product))
  largest(weight, watched.weightMax(product))
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
