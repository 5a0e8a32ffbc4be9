import type { Bundle } from '../bundle/index.ts'
import { completeOptions, type PredictOptions } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'

/** Where and how embeddings are computed, by the names and with the defaults that `predict` has. */
export interface EngineOptions
  extends Partial<
    Pick<
      PredictOptions,
      | 'backend'
      | 'triton'
      | 'serverTimeout'
      | 'trustServer'
      | 'tritonAccess'
      | 'repository'
      | 'serverBin'
      | 'backendDirectory'
      | 'libraryPath'
      | 'keepServer'
      | 'gpus'
      | 'threads'
      | 'esmTokenBudget'
      | 'dnabertTokenBudget'
    >
  > {
  /** From `openBundle`; or its folder or its name in the home. @default the default bundle of the home */
  bundle?: Bundle | string | undefined
  /** Hears of what computes, of retries and of what is unusual. @default nobody */
  logger?: Logger | undefined
  /** Ends the work with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** What has to do with chunks and their classifier. */
interface ChunkOptions {
  expectedLength?: number | undefined
  mlp?: string | undefined
  anyLength?: boolean | undefined
}

/**
 * The options of `predict` with those that were given, and the defaults of everything else.
 *
 * @throws UsageError for a value that is none
 */
export async function engineOptions({
  bundle,
  logger: _,
  signal: __,
  ...others
}: EngineOptions & ChunkOptions): Promise<PredictOptions> {
  const folder = typeof bundle === 'object' ? bundle.folder : bundle
  // What is embedded is handed over and lies in no file.
  return { ...(await completeOptions({ ...others, bundle: folder, inputs: ['-'] })), inputs: [] }
}
