import { basename } from 'node:path'
import { type Bundle, classifierLength, publishedLength } from '../bundle/index.ts'
import type { ImportedClassifier } from '../import/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'

/**
 * Chunks must have the length that the classifier was made for: scores of others look like any others and mean little.
 *
 * @throws UsageError when they have not, unless `anyLength` is set
 */
export function checkChunkLength(
  options: PredictOptions,
  bundle: Bundle,
  imported: ImportedClassifier | undefined,
  logger: Logger,
): void {
  const { expectedLength, classifierFor, anyLength } = options
  const name = nameOf(options, bundle)
  const known = lengthOf(options, bundle, imported)
  const made = known ?? classifierFor
  if (made === undefined) {
    const hint = hintOf(options, bundle)
    logger.warn(
      hint === undefined || hint === expectedLength
        ? `which chunk length the classifier ${name} was made for is not known; chunks here have ${expectedLength} bases`
        : `by its name the classifier ${name} was made for chunks of ${hint} bases, and chunks here have ${expectedLength}`,
      { code: 'chunk-length-unknown', data: {} },
    )
    return
  }
  const wrong =
    made !== expectedLength
      ? `chunks here have ${expectedLength}`
      : classifierFor !== undefined && classifierFor !== made
        ? `one for ${classifierFor} was asked for`
        : undefined
  if (wrong === undefined) return
  const problem = `the classifier ${name} was made for chunks of ${made} bases, and ${wrong}: its scores would mean little`
  if (!anyLength) {
    throw new UsageError(problem, { detail: { code: 'chunk-length-mismatch', data: { length: made } } })
  }
  logger.warn(problem)
}

function nameOf({ mlp }: PredictOptions, { manifest }: Bundle): string {
  return mlp === undefined ? `of the bundle ${manifest.name}` : basename(mlp)
}

/** What the name of a file only makes likely. */
function hintOf({ mlp }: PredictOptions, { manifest }: Bundle): number | undefined {
  const name = basename(mlp ?? manifest.models.mlp.source.files[0]?.name ?? '')
  const found = /(?<!\d)(300|500)(?!\d)/.exec(name)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** As far as a bundle or the name of a published file says it. */
function lengthOf(
  { mlp }: PredictOptions,
  { manifest }: Bundle,
  imported: ImportedClassifier | undefined,
): number | undefined {
  if (mlp === undefined || imported === undefined) return classifierLength(manifest)
  // The bundle's own, whatever its name here.
  const isOwn = imported.sha256 === manifest.models.mlp.graph.sha256
  return (isOwn ? classifierLength(manifest) : undefined) ?? publishedLength(mlp)
}
