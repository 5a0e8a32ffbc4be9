import { command } from '../command.ts'
import { helpFor, helpText } from '../show-help.ts'

export default command({
  usage: ['[COMMAND]'],
  examples: [
    ['Print the list of all commands:', 'help'],
    ['Print every option of a command:', 'help models pull'],
  ],
  words: 'more',
  reportsConfiguration: true,
  options: {},
  async run({ words }) {
    process.stdout.write(helpText(await helpFor(words), 'whole', process.stdout))
  },
})
