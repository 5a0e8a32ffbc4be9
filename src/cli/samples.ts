import type { Sample } from '../samples/index.ts'
import type { Configuration } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'

/** Whether a command line is about several samples. */
export function asksForSamples({ effective }: Configuration): boolean {
  const { sampleSheet, perInput } = effective.values
  return sampleSheet !== undefined || perInput
}

/** @throws NoInputError with every file of samples that cannot be read */
export async function requireReadable(samples: readonly Sample[]): Promise<void> {
  const { requireReadable } = await import('../samples/index.ts')
  await requireReadable(samples)
}

/**
 * The samples that a command line names; undefined for one over a single sample.
 * @throws DataError, NoInputError or UsageError with everything that is wrong with them
 */
export async function samplesOf(
  configuration: Configuration,
  logger: Logger,
): Promise<readonly Sample[] | undefined> {
  if (!asksForSamples(configuration)) return undefined
  const { readSampleSheet, samplesPerInput } = await import('../samples/index.ts')
  const { sampleSheet, input = [], layout } = configuration.effective.values
  if (sampleSheet === undefined) return samplesPerInput(input, layout)
  const { samples, ignored } = await readSampleSheet(sampleSheet)
  if (ignored.length > 0)
    logger.info(
      `${sampleSheet}: columns that mean nothing here: ${ignored.map((name) => name || '(no name)').join(', ')}`,
    )
  return samples
}
