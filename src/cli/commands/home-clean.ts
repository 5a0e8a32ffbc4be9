import type { Cleaned, CleanOptions } from '../../home/index.ts'
import { flag, section } from '../../settings/index.ts'
import { NoInputError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { bytes } from '../../text/numbers.ts'
import { command } from '../command.ts'
import { OWNERS } from '../home-files.ts'

export default command({
  usage: ['[OPTIONS]'],
  examples: [
    ['Print what would be removed:', 'home clean --dry-run'],
    ['Remove old plans and servers, too:', 'home clean --plans --servers'],
  ],
  notes: [
    'Removes what killed processes left, what was made of bundles that are gone, and caches. What is in use, or holds files that this program has not made, stays.',
  ],
  exits:
    '`66` the bundles of the home cannot be read, or with `--plans`, where nothing is set up for GPUs or there is none; what cannot be removed is a warning',
  options: section('What to remove', {
    plans: flag('also plans and repositories for another TensorRT or other GPUs than those of this machine'),
    servers: flag('also private servers that are no longer used'),
    dryRun: flag('print what would be removed, and remove nothing'),
  }),
  async run({ args: { plans, servers, dryRun }, logger, signal }) {
    const { cleanHome } = await import('../../home/index.ts')
    const current = plans ? await currentServer(signal) : undefined
    const cleaned = await cleanHome({ owners: OWNERS, current, servers, dryRun, signal })
    report(cleaned, dryRun, logger)
  },
})

/**
 * What plans must be for to be of use here.
 * @throws NoInputError where that is not known
 */
async function currentServer(signal: AbortSignal): Promise<NonNullable<CleanOptions['current']>> {
  const { readHome } = await import('../../home/index.ts')
  const { gpu } = await readHome()
  if (gpu === undefined) throw unknown('nothing is set up for GPUs')
  const { surveyGpus } = await import('../../machine/index.ts')
  const { openRuntime } = await import('../../server/runtime/index.ts')
  // Also those that a batch system keeps from this process.
  const { all: gpus } = await surveyGpus(signal)
  if (gpus.length === 0) throw unknown('this machine has no GPU')
  const tensorrt = await (await openRuntime(gpu.server)).tensorrt(signal)
  return { tensorrt, capabilities: gpus.map(({ computeCapability }) => computeCapability.replace('.', '')) }
}

function unknown(why: string): NoInputError {
  return new NoInputError(`which plans are of use here is not known: ${why}`)
}

function report({ removed, kept }: Cleaned, dryRun: boolean, logger: Logger): void {
  for (const { what, path, bytes: size } of removed)
    logger.info(`${dryRun ? 'would remove' : 'removed'} ${what}: ${path}, ${bytes(size)}`)
  for (const { path, why } of kept) logger.warn(`kept ${path}: ${why}`)
  const total = removed.reduce((sum, each) => sum + each.bytes, 0)
  logger.info(
    removed.length === 0
      ? 'there is nothing to remove'
      : `${dryRun ? 'would free' : 'freed'} ${bytes(total)}`,
  )
}
