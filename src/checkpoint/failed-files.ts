import { join } from 'node:path'
import { MODELS, type ModelName } from '../bundle/index.ts'
import type { OutputPaths } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { removeFile } from '../system/kept-files.ts'
import { foreign, printable } from '../system/printable.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { READ } from '../system/regular-file.ts'

/** A part that could not be computed. */
export interface FailedPart {
  part: number
  /** What failed on it. */
  step: (typeof MODELS)[ModelName]['label'] | 'classifier'
  reason: string
}

/**
 * Lists the failed parts in `failed_files.txt`, in the form of Broad's fork: one `FASTA|STEP|REASON` a line; without any the file goes. Lines of other runs into the
 * same folder stay.
 */
export async function writeFailedFiles(paths: OutputPaths, failed: readonly FailedPart[]): Promise<void> {
  const path = paths.failed
  const before = await readText(path, MOST_BYTES.state, READ).catch(() => '')
  const own = [paths.nucleotideFolder, paths.proteinFolder].map((folder) =>
    printable(join(folder, 'output_')),
  )
  const lines = before
    .split('\n')
    .filter((line) => line !== '' && !own.some((start) => line.startsWith(start)))
  for (const { part, step, reason } of [...failed].sort((a, b) => a.part - b.part)) {
    const model = Object.values(MODELS).find(({ label }) => label === step)
    const file = model?.sequence === 'nucleotide' ? paths.nucleotidePart(part) : paths.proteinPart(part)
    const why = foreign(reason.replaceAll(/\s*[\r\n]+\s*/g, ' ').replaceAll('|', '/'))
    lines.push(`${printable(file)}|${step}|${why}`)
  }
  if (lines.length > 0) await writeAtomically(path, `${lines.join('\n')}\n`)
  else if (before !== '') {
    await removeFile(path)
  }
}
