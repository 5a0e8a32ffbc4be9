import { basename } from 'node:path'

/**
 * What to tell a user whose classifier, by its file name, was made for chunks of another length: VirNucPro's own are called
 * `300_model.pth` and `500_model.pth`. Scores of such a mixture look like any others and are wrong.
 *
 * @returns undefined when the name says nothing, or the same
 */
export function lengthMixUp(classifier: string | undefined, expectedLength: number): string | undefined {
  const name = basename(classifier ?? '')
  const made = /(?<!\d)(300|500)(?!\d)/.exec(name)?.[1]
  if (made === undefined || Number(made) === expectedLength) return undefined
  return (
    `by its name the classifier ${name} was made for chunks of ${made} bases, and chunks here have ${expectedLength}: ` +
    `its scores would mean little. Give --expected-length ${made}, or the classifier for ${expectedLength}`
  )
}
