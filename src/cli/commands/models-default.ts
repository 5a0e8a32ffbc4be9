import { command } from '../command.ts'

export default command({
  usage: ['ID'],
  notes: ['ID is the name of a bundle of the home, or the beginning of it.'],
  words: { one: 'bundle', expected: 'its name in the home' },
  options: {},
  async run({ word, logger }) {
    const { changeHome, homePlace, requireBundleId } = await import('../../home/index.ts')
    const { openBundle } = await import('../../bundle/index.ts')
    const id = await requireBundleId(word)
    // One that is damaged is no default.
    await openBundle(`${homePlace('bundles')}/${id}`)
    const changed = await changeHome((record) => ({ ...record, bundle: id }))
    logger.info(`the default bundle is ${changed.bundle}`)
  },
})
