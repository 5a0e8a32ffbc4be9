import { join } from 'node:path'
import { type Bundle, backbonesId, MODEL_NAMES, modelDigest } from '../../bundle/index.ts'
import { requireCpuPrecision } from '../../dispatch/index.ts'
import { withHomeLock, writablePlace } from '../../home/index.ts'
import type { Logger } from '../../system/logger.ts'
import { buildRepository, statedModels } from '../repository/index.ts'

export interface CpuRepositoryOptions {
  readonly logger: Logger
  /** Whether it may be made. @default true */
  readonly mayMake?: boolean
  readonly signal?: AbortSignal | undefined
}

/** See `cpuRepository` in index.ts. */
export async function cpuRepository(
  bundle: Bundle,
  { logger, mayMake = true, signal }: CpuRepositoryOptions,
): Promise<string> {
  const { manifest, folder } = bundle
  const { precision } = manifest
  requireCpuPrecision(bundle)
  const id = backbonesId(manifest)
  const output = join(await writablePlace('repositories'), id, precision, 'onnx')
  if (!mayMake) return output
  return await withHomeLock(
    `repository-${id}-${precision}`,
    async () => {
      const stated = await statedModels(output)
      const fits = MODEL_NAMES.every((model) => stated?.[model].digest === modelDigest(manifest, model))
      if (fits) return output
      logger.info(`making a model repository for a server on the processor: ${output}`)
      await buildRepository({ bundle: folder, backend: 'python', output, force: true })
      return output
    },
    { signal },
  )
}
