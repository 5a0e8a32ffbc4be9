import type { Removable } from '../../home/index.ts'
import { flag, section } from '../../settings/index.ts'
import { bytes } from '../../text/numbers.ts'
import { command } from '../command.ts'
import { confirm } from '../confirm.ts'
import { OWNERS } from '../home-files.ts'

export default command({
  usage: ['ID [OPTIONS]'],
  examples: [
    ['Print what would be removed:', 'models remove 5d3f --dry-run'],
    ['Remove a bundle without a question:', 'models remove 5d3f --yes'],
  ],
  notes: [
    'ID is the name of a bundle of the home, or the beginning of it. What was made of it goes with it: other precisions, plans, repositories.',
    'A bundle that a run or a server of this user uses stays.',
  ],
  words: { one: 'bundle', expected: 'its name in the home' },
  completes: 'bundles',
  exits:
    '`64` nobody to ask and no `--yes`; `65` the bundle is damaged; `66` no such bundle; `73` the home is read-only, or files of somebody else are in the way; `75` a run or a server uses it',
  options: section('What to remove', {
    weights: flag('also the weight files in the home that this bundle alone was made from'),
    yes: flag('do not ask', { short: 'y' }),
    dryRun: flag('print what would be removed, and remove nothing'),
  }),
  async run({ args: { weights, yes, dryRun }, word, logger, signal }) {
    const { removalOf, removeBundle, requireBundleId } = await import('../../home/index.ts')
    const id = await requireBundleId(word)
    const planned = await removalOf(id, { weights })
    for (const each of planned)
      logger.info(`${dryRun ? 'would remove' : 'to be removed:'} ${described(each)}`)
    if (dryRun) return
    if (!yes && !(await confirm(`Remove ${bytes(sumOf(planned))}?`, signal))) {
      logger.info('nothing was removed')
      return
    }
    const removed = await removeBundle(id, {
      weights,
      owners: OWNERS,
      signal,
      onWait: (owner) => logger.info(`waiting for ${owner}, which makes or changes the same bundle`),
    })
    logger.info(`removed the bundle ${id}: ${bytes(sumOf(removed))}`)
  },
})

function described({ what, path, bytes: size }: Removable): string {
  return `${what}: ${path}, ${bytes(size)}`
}

function sumOf(list: readonly Removable[]): number {
  return list.reduce((sum, each) => sum + each.bytes, 0)
}
