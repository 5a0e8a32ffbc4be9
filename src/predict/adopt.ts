import type { RunFolder } from '../checkpoint/index.ts'
import type { OutputPaths } from '../layout/index.ts'
import { readLegacyVectors } from '../legacy/index.ts'
import type { Logger } from '../system/logger.ts'
import { count } from '../text/numbers.ts'

export interface AdoptOptions {
  paths: OutputPaths
  stem: string
  widths: { dnabert: number; esm: number }
  logger: Logger
  signal: AbortSignal | undefined
}

/** Takes over the embeddings that a run of the original or of Broad's fork left in the output folder. */
export async function adoptOldRun(folder: RunFolder, options: AdoptOptions): Promise<void> {
  const { paths, stem, widths, logger, signal } = options
  const vectors = readLegacyVectors(paths.root, stem, paths.layout, {
    widths: { esm2: widths.esm, dnabert_s: widths.dnabert },
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
      'it is up to you that the same models made them. --force computes all anew',
  )
}
