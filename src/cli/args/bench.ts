import type { ArgGroup } from '../parse/arg.ts'

export const benchArgs: ArgGroup = {
  title: 'What to measure',
  args: [
    { name: 'quick', long: ['quick'], help: 'little of each: shows that all runs; the figures mean nothing' },
    { name: 'json', long: ['json'], hint: 'FILE', help: 'write all results to FILE too' },
    {
      name: 'only',
      long: ['only'],
      hint: 'NAME[,…]',
      help: 'of micro, pipeline, baseline, scaling and utilization [default: the first three; all with --triton]',
    },
    {
      name: 'benchServers',
      long: ['triton'],
      hint: 'grpc://HOST:PORT[,…]',
      help: 'running servers, to measure how busy their GPUs are',
    },
  ],
}
