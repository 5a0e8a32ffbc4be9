import type { ArgGroup } from '../parse/arg.ts'

// `threads` and `force` are settings of `predict`; here they are about the repository and have names of their own.
export const repositoryArgs: ArgGroup = {
  title: 'Model repository',
  args: [
    {
      name: 'bundle',
      long: ['bundle'],
      hint: 'BUNDLE',
      help: 'models made by "virnucpro models import", or demo',
    },
    {
      name: 'repositoryBackend',
      long: ['backend'],
      hint: 'tensorrt|onnxruntime|python',
      help: 'backend of the server that runs the models',
    },
    { name: 'output', long: ['output'], short: 'o', hint: 'DIR', help: 'folder to make' },
    {
      name: 'instances',
      long: ['instances'],
      hint: 'N',
      help: 'instances of each model, on each GPU or on the CPU [default: 1]',
    },
    {
      name: 'instanceThreads',
      long: ['threads'],
      hint: 'N',
      help: 'threads of one instance on the CPU [default: the server shares its cores out]',
    },
    {
      name: 'plans',
      long: ['plans'],
      hint: 'DIR',
      help: 'TensorRT plans made by "virnucpro engines build"; for --backend tensorrt or python',
    },
    { name: 'copy', long: ['copy'], help: 'copy the weights; without it they are hard links where possible' },
    { name: 'replace', long: ['force'], short: 'f', help: 'replace a repository that exists already' },
  ],
}
