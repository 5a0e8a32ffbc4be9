import { command } from '../command.ts'
import { asFinding } from '../report.ts'

export default command({
  usage: ['BUNDLE'],
  words: { one: 'bundle', expected: 'the path of one' },
  options: {},
  async run({ word, logger, signal }) {
    const { verifyBundle } = await import('../../bundle/index.ts')
    await verifyBundle(word, signal).catch(asFinding)
    logger.info(`${word}: every file is as it was imported`)
  },
})
