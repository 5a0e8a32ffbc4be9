import { printableJson } from '../../system/printable.ts'
import { command } from '../command.ts'

export default command({
  usage: ['BUNDLE'],
  words: { one: 'bundle', expected: 'the path of one' },
  options: {},
  async run({ word }) {
    const { openBundle } = await import('../../bundle/index.ts')
    const bundle = await openBundle(word)
    process.stdout.write(`${printableJson(bundle.manifest, 2)}\n`)
  },
})
