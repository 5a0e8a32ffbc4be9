import { readLegacyVectors } from '../legacy/index.ts'
import { count } from '../text/numbers.ts'
import type { Run } from './context.ts'

/** Takes over the embeddings that a run of the original or of Broad's fork left in the output folder. */
export async function adoptOldRun({ folder, paths, models, logger, signal }: Run): Promise<void> {
  const vectors = readLegacyVectors(paths.root, paths.stem, paths.layout, {
    widths: models.widths,
    signal,
    onFile({ path, problem, warnings }) {
      if (problem !== undefined) logger.warn(`not used: ${path} ${problem}`)
      for (const warning of warnings) logger.warn(`${path} ${warning}`)
    },
  })
  const { taken, unknown } = await folder.adopt(vectors)
  if (unknown > 0) {
    logger.warn(
      `not used: ${count(unknown, 'embedding')} of an old run without the part FASTA (output_N.fa) that says what was embedded`,
    )
  }
  logger.info(
    `${count(taken, 'embedding')} of an old run in ${paths.root} will be used for the sequences they were made of; ` +
      'it is up to you that the same models made them',
    { code: 'already-computed', data: {} },
  )
}
