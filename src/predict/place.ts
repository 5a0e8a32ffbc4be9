import { basename } from 'node:path'
import { readManifest } from '../checkpoint/index.ts'
import { formerPaths, type OutputPaths, outputPaths, type PathOptions } from '../layout/index.ts'
import { findLegacyRun } from '../legacy/index.ts'
import type { Logger } from '../system/logger.ts'

/**
 * The names of a run: by its input, or those that an earlier version gave to the run of this input and that are there, finished or
 * not. Changes nothing.
 */
export async function placeOf(options: PathOptions, logger: Logger): Promise<OutputPaths> {
  const paths = outputPaths(options)
  const former = formerPaths(options)
  const { input } = options
  if (former === undefined || (await holdsRun(paths, input)) || !(await holdsRun(former, input))) return paths
  logger.info(
    `${former.root} holds a run of ${input} under the name ${JSON.stringify(former.stem)}, as earlier versions ` +
      `called it, and not ${JSON.stringify(paths.stem)}: this run goes on under that name`,
  )
  return former
}

/** Whether a run of this program over the input, or embeddings of another program, which keeps no record of it, lie under these names. */
async function holdsRun({ state, root, stem, layout }: OutputPaths, input: string): Promise<boolean> {
  const manifest = await readManifest(state).catch(() => 'damaged' as const)
  if (manifest === 'none') return (await findLegacyRun(root, stem, layout)) !== undefined
  if (manifest === 'newer') return true
  // Inputs may have been moved; of different inputs, two names had the same beginning.
  return typeof manifest === 'object' && basename(manifest.inputs[0]?.path ?? '') === basename(input)
}
