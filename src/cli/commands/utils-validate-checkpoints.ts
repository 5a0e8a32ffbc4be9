import { flag, section } from '../../settings/index.ts'
import { command } from '../command.ts'
import verify from './checkpoints-verify.ts'

export default command({
  ...verify,
  examples: [['Print every file that cannot be used:', 'utils validate-checkpoints results']],
  options: {
    ...verify.options,
    ...section('Kept for old scripts', {
      skipLoad: flag('', { noEffect: 'every file is read whole: nothing less shows whether it can be used' }),
    }),
  },
})
