import { UsageError } from '../../system/errors.ts'
import { command } from '../command.ts'

const SHELLS = ['bash', 'zsh', 'fish']

export default command({
  usage: ['bash|zsh|fish'],
  notes: [
    'bash, in ~/.bashrc: source <(virnucpro completion bash)',
    'zsh, in ~/.zshrc after compinit: source <(virnucpro completion zsh)',
    'fish, once: virnucpro completion fish > ~/.config/fish/completions/virnucpro.fish',
  ],
  examples: [['Print the script for your shell:', 'completion bash']],
  words: { one: 'shell', expected: 'bash, zsh or fish' },
  completes: SHELLS,
  reportsConfiguration: true,
  exits: '',
  options: {},
  check({ word }) {
    if (!SHELLS.includes(word)) throw new UsageError(`unknown shell ${word}: expected bash, zsh or fish`)
  },
  async run({ word }) {
    const { SCRIPTS } = await import('../shell-scripts.ts')
    process.stdout.write(SCRIPTS[word as keyof typeof SCRIPTS])
  },
})
