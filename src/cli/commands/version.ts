import { dependencies, version } from '../../../package.json' with { type: 'json' }
import { flag, section } from '../../settings/index.ts'
import { printableJson } from '../../system/printable.ts'
import { command } from '../command.ts'

export default command({
  usage: ['[--json]'],
  examples: [['Print the versions that a report of a problem needs:', 'version --json']],
  reportsConfiguration: true,
  options: section('Output', { json: flag('print JSON') }),
  async run({ args }) {
    process.stdout.write(args.json ? `${printableJson(asJson(), 2)}\n` : `virnucpro ${version}\n`)
  },
})

function asJson() {
  const { platform, arch } = process
  return {
    format: 'virnucpro-version',
    version: 1,
    virnucpro: version,
    bun: Bun.version,
    onnxruntime: dependencies['onnxruntime-node'],
    platform,
    arch,
  }
}
