import { dependencies, version } from '../../../package.json' with { type: 'json' }
import { command } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'

export default command({
  usage: ['[--json]'],
  examples: [['Print the versions that a report of a problem needs:', 'version --json']],
  reportsConfiguration: true,
  exits: '',
  options: jsonOutput,
  async run({ args }) {
    if (!args.json) process.stdout.write(`virnucpro ${version}\n`)
    else printJson('version', facts())
  },
})

function facts() {
  const { platform, arch } = process
  return {
    virnucpro: version,
    bun: Bun.version,
    onnxruntime: dependencies['onnxruntime-common'],
    platform,
    arch,
  }
}
