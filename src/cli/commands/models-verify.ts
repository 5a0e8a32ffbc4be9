import { requireBundle } from '../arguments.ts'
import { A_BUNDLE, command } from '../command.ts'
import { asFinding } from '../report.ts'

export default command({
  usage: ['[BUNDLE]'],
  examples: [
    ['Check the default bundle:', 'models verify'],
    ['Check the bundle in a folder:', 'models verify models-bf16'],
  ],
  words: A_BUNDLE,
  options: {},
  async run({ word, logger, signal }) {
    const { verifyBundle } = await import('../../bundle/index.ts')
    const bundle = await requireBundle(word || undefined)
    await verifyBundle(bundle, signal).catch(asFinding)
    logger.info(`${word || bundle}: every file is as it was imported`)
  },
})
