import { join } from 'node:path'
import { command } from '../command.ts'

export default command({
  usage: ['ID'],
  examples: [['Use the bundle whose name begins with these letters:', 'models default 5d3f']],
  notes: ['ID is the name of a bundle of the home, or the beginning of it.'],
  words: { one: 'bundle', expected: 'its name in the home' },
  completes: 'bundles',
  exits:
    '`64` nobody to ask and no `--yes`; `65` the bundle is damaged; `66` no such bundle; `73` the home is read-only, or files of somebody else are in the way; `75` a run or a server uses it',
  options: {},
  async run({ word, logger }) {
    const { changeHome, chooseDefault, homePlace, requireBundleId } = await import('../../home/index.ts')
    const { openBundle } = await import('../../bundle/index.ts')
    const id = await requireBundleId(word)
    // One that is damaged is no default.
    await openBundle(join(homePlace('bundles'), id))
    await changeHome((record) => chooseDefault(record, id))
    logger.info(`the default bundle is ${id}`)
  },
})
