import type { ArgGroup } from '../parse/arg.ts'

export const modelArgs: ArgGroup = {
  title: 'Models',
  args: [
    {
      name: 'bundle',
      long: ['bundle'],
      hint: 'BUNDLE',
      help: 'models made by "virnucpro models import", or demo (its calls mean nothing)',
    },
    {
      name: 'modelType',
      long: ['model-type'],
      short: 'm',
      hint: '300|500|custom',
      help: 'chunk length the classifier was made for; custom needs --model-path [default: 500]',
    },
    {
      name: 'modelPath',
      long: ['model-path'],
      short: 'p',
      hint: 'MODEL.pth',
      help: "classifier file, in place of the bundle's own",
    },
    {
      name: 'expectedLength',
      long: ['expected-length'],
      short: 'e',
      hint: 'N',
      help: 'chunk length in bases [default: 300 with --model-type 300, else 500]',
    },
    {
      name: 'anyLength',
      long: ['any-length'],
      help: 'compute chunks of another length than the classifier was made for, with a warning',
    },
  ],
}
