import { printableJson } from '../../system/printable.ts'
import { requireBundle } from '../arguments.ts'
import { A_BUNDLE, command } from '../command.ts'

export default command({
  usage: ['[BUNDLE]'],
  examples: [['Print the manifest of the default bundle:', 'models show']],
  words: A_BUNDLE,
  completes: 'bundles',
  exits: '`65`, `66` the bundle',
  options: {},
  async run({ word }) {
    const { openBundle } = await import('../../bundle/index.ts')
    const bundle = await openBundle(await requireBundle(word || undefined))
    process.stdout.write(`${printableJson(bundle.manifest, 2)}\n`)
  },
})
