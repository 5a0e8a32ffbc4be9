import type { RunFolder } from '../checkpoint/index.ts'
import { DEFAULT_REUSE_DISK, type PredictOptions } from '../settings/index.ts'
import { DataError } from '../system/errors.ts'
import type { RunInputs } from './inputs.ts'
import type { LanguageModels } from './models.ts'
import { partsAgain } from './prepare.ts'
import { findRecurring, type Recurs } from './recurring.ts'
import { Reuse } from './reuse.ts'

const GB = 1e9

/** Most bytes of embeddings that a run is to keep for its later windows. */
export function reuseBytes({ reuseDisk = DEFAULT_REUSE_DISK }: Partial<PredictOptions>): number {
  return reuseDisk * GB
}

interface Opened {
  options: PredictOptions
  folder: RunFolder
  inputs: RunInputs
  models: Pick<LanguageModels, 'inputs' | 'backend'>
}

/** What the windows of a run have in common; undefined where it keeps nothing for later ones. */
export async function reuseOf(run: Opened): Promise<Reuse | undefined> {
  const { folder, options } = run
  const limit = await folder.limitReuse(reuseBytes(options))
  return newReuse(run, limit, () => folder.openStore())
}

/** The same of a run that has finished, for the windows that it shares with others. */
export function finishedReuseOf(run: Opened): Reuse | undefined {
  return newReuse(run, run.folder.reuse, undefined)
}

function newReuse(
  { options, folder, inputs, models }: Opened,
  limit: number,
  openStore: (() => ReturnType<RunFolder['openStore']>) | undefined,
): Reuse | undefined {
  if (limit === 0) return undefined
  const look = async (signal: AbortSignal): Promise<Recurs> => {
    try {
      return await findRecurring(partsAgain(options, await folder.makeWorkFolder(), signal), models.inputs)
    } catch (error) {
      // Whoever reads the input for its sequences meets the same fault, and nothing is computed of what comes after it.
      if (error instanceof DataError) return () => true
      throw error
    }
  }
  return new Reuse({
    widthOf: (model) => models.backend.dimension(model),
    limit,
    findRecurring: inputs.hasStreams ? undefined : look,
    openStore,
  })
}
