/** The smallest float32 above 0: a score of 0 is one that was too small to print. */
const LEAST = 2 ** -149

/**
 * Logit of a frame from its scores, which are the softmax of two classes: above 0 for a frame that is rather viral. NaN where
 * there is no score.
 *
 * @param others - float32 score of the class `others`
 * @param virus - float32 score of the class `virus`
 */
export function logit(others: number, virus: number): number {
  return Math.log(Math.max(virus, LEAST)) - Math.log(Math.max(others, LEAST))
}
