import { printableJson } from '../../system/printable.ts'
import { commonArgs } from '../args/logging.ts'
import { bundleArgument } from '../bundle-argument.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import { startSession } from '../session.ts'

const help: CommandHelp = {
  name: 'virnucpro models show',
  about: 'Prints what is in a bundle: dimensions, precision and sources, as JSON.',
  usage: ['BUNDLE'],
  groups: [commonArgs],
}

export default strictCommand(help, async (line) => {
  const path = bundleArgument(line)
  await startSession(line)
  return async () => {
    const { openBundle } = await import('../../bundle/index.ts')
    const bundle = await openBundle(path)
    process.stdout.write(`${printableJson(bundle.manifest, 2)}\n`)
  }
})
