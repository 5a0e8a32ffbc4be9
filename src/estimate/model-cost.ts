import type { Manifest, ModelName } from '../bundle/index.ts'

/** What decides how much there is to multiply. */
type Shape = Pick<Manifest['models'][ModelName], 'layers' | 'width' | 'hidden'>

/**
 * Operations of the matrix products for one token, attention included: two for each multiplication and addition. DNABERT-S has
 * a gate beside the first product of its feed-forward layers.
 *
 * @param length - tokens of the row
 */
export function operationsPerToken(
  model: ModelName,
  { layers, width, hidden }: Shape,
  length: number,
): number {
  const feedForward = (model === 'dnabert_s' ? 3 : 2) * width * hidden
  return layers * (2 * (4 * width * width + feedForward) + 4 * length * width)
}
