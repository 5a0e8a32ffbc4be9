import type { Sample } from '../samples/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'
import { printable } from '../system/printable.ts'
import { plural } from '../text/numbers.ts'
import { requireBundle, requireInputs } from './arguments.ts'
import { printJson } from './json.ts'
import { requireReadable } from './samples.ts'

export interface PrintOptions {
  /** Where the inputs are several samples: which. */
  readonly samples: readonly Sample[] | undefined
  readonly json: boolean
  /** Run some batches even where the speed of this process is known. */
  readonly measure: boolean
  /** Keep their speed for later estimates. */
  readonly keepSpeed: boolean
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** Prints what a run with these options would take. */
export async function printEstimate(options: PredictOptions, how: PrintOptions): Promise<void> {
  const { samples, json, measure, keepSpeed, logger, signal } = how
  const folder = await requireBundle(options.bundle)
  if (samples === undefined) await requireInputs(...options.inputs)
  else await requireReadable(samples)
  const [{ classifierFor, classifiersOf, openBundle }, { estimate, renderEstimate }] = await Promise.all([
    import('../bundle/index.ts'),
    import('../estimate/index.ts'),
  ])
  const bundle = await openBundle(folder, signal)
  const { expectedLength, mlp, anyLength } = options
  const lengths = classifiersOf(bundle.manifest).flatMap(({ chunkLength }) => chunkLength ?? [])
  if (
    mlp === undefined &&
    !anyLength &&
    lengths.length > 0 &&
    !classifierFor(bundle.manifest, expectedLength)
  )
    logger.warn(
      `the classifiers of this bundle are for chunks of ${lengths.join(' and ')} bases: a run with chunks of ${expectedLength} ends with an error`,
    )
  const groups = samples?.map(({ inputs }) => inputs)
  const found = await estimate(options, { bundle, samples: groups, measure, keepSpeed, logger, signal })
  if (found.idleGpus > 0 && options.backend === 'auto')
    logger.info(
      `${plural(found.idleGpus, 'GPU')} of this machine ${found.idleGpus === 1 ? 'is' : 'are'} not set up for this bundle. Set ${found.idleGpus === 1 ? 'it' : 'them'} up with: virnucpro setup`,
    )
  if (json)
    return printJson('estimate', {
      inputs: groups?.flat() ?? options.inputs,
      ...(samples && { samples }),
      ...found,
    })
  const named = samples === undefined ? options.inputs : [plural(samples.length, 'sample')]
  const lines = renderEstimate(found, named).map((line) => printable(line))
  process.stdout.write(`${lines.join('\n')}\n`)
}
