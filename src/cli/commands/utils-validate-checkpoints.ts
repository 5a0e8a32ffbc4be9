import { flag, section } from '../../settings/index.ts'
import { command } from '../command.ts'
import verify from './checkpoints-verify.ts'

export default command({
  ...verify,
  examples: [['Print every file that cannot be used:', 'utils validate-checkpoints results']],
  exits: '`1` some cannot be used; `3` there are none; `66` no such folder',
  options: {
    ...verify.options,
    ...section('Kept for old scripts', {
      skipLoad: flag('', { noEffect: 'every file is read whole: nothing less shows whether it can be used' }),
    }),
  },
})
