import { requireBundle } from '../arguments.ts'
import { A_BUNDLE, command } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'
import { findingOf } from '../report.ts'

export default command({
  usage: ['[BUNDLE] [--json]'],
  examples: [
    ['Check the default bundle:', 'models verify'],
    ['Check the bundle in a folder:', 'models verify models-bf16'],
  ],
  words: A_BUNDLE,
  completes: 'bundles',
  exits: '`1` a file is not as it was imported; `66` no bundle there',
  options: jsonOutput,
  async run({ args, word, logger, signal }) {
    const { verifyBundle } = await import('../../bundle/index.ts')
    const bundle = await requireBundle(word || undefined)
    const fault = await verifyBundle(bundle, signal).then(
      () => undefined,
      (error) => findingOf(error),
    )
    if (args.json)
      printJson('bundle-check', { bundle, whole: fault === undefined, fault: fault?.message ?? null })
    if (fault !== undefined) throw fault
    logger.info(`${word || bundle}: every file is as it was imported`)
  },
})
