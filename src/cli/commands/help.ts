import { command } from '../command.ts'
import { helpWidth } from '../help.ts'
import { helpFor, helpText } from '../show-help.ts'

export default command({
  usage: ['[COMMAND]', 'CODE'],
  examples: [
    ['Print the list of all commands:', 'help'],
    ['Print every option of a command:', 'help models pull'],
    ['Explain a message that ends with [no-gpu]:', 'help no-gpu'],
    ['Explain an exit code:', 'help 75'],
  ],
  words: 'more',
  reportsConfiguration: true,
  exits: '',
  options: {},
  async run({ words }) {
    const [word = '', ...more] = words
    const { explanationText } = await import('../explain.ts')
    const explanation = more.length === 0 ? explanationText(word, helpWidth(process.stdout)) : undefined
    process.stdout.write(explanation ?? helpText(await helpFor(words), 'whole', process.stdout))
  },
})
