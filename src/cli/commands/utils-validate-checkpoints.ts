import { strictCommand } from '../command.ts'
import type { CommandHelp } from '../help.ts'
import { prepareVerify, help as verifyHelp } from './checkpoints-verify.ts'

export const help: CommandHelp = {
  ...verifyHelp,
  name: 'virnucpro utils validate-checkpoints',
  about: "The same as checkpoints verify, under the name of Broad's fork.",
  usage: ['DIR'],
  groups: [
    {
      title: 'Kept for old scripts',
      args: [
        {
          name: 'skipLoad',
          long: ['skip-load'],
          help: '',
          noEffect: 'every file is read whole: nothing less tells whether it can be used',
        },
      ],
    },
    ...verifyHelp.groups,
  ],
}

export default strictCommand(help, prepareVerify)
