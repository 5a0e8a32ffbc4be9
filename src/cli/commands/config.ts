import { predictGroups } from '../args/predict.ts'
import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import { applyPositionals } from '../positionals.ts'
import { startSession } from '../session.ts'
import { configurationAsJson, configurationAsYaml } from '../show-configuration.ts'

const help: CommandHelp = {
  name: 'virnucpro config',
  about: 'Prints the effective configuration and where each value comes from.',
  usage: ['[OPTIONS] [options and inputs of predict]'],
  groups: [
    { title: 'Output', args: [{ name: 'json', long: ['json'], help: 'print JSON' }] },
    ...predictGroups,
  ],
  notes: ['The output is a configuration file: virnucpro config > virnucpro.config.yaml'],
}

export default strictCommand(help, async (line) => {
  const { configuration } = await startSession(line, applyPositionals(line))
  const print = line.isOn('json') ? configurationAsJson : configurationAsYaml
  return async () => {
    process.stdout.write(print(configuration))
  }
})
