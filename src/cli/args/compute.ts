import type { ArgGroup } from '../parse/arg.ts'

export const computeArgs: ArgGroup = {
  title: 'Where and how to compute',
  args: [
    {
      name: 'backend',
      long: ['backend'],
      hint: 'auto|onnx|triton',
      help: 'embedded ONNX Runtime, or an inference server [default: auto]',
    },
    {
      name: 'triton',
      long: ['triton'],
      hint: 'grpc://HOST:PORT[,…]',
      help: 'inference servers; grpcs:// for an encrypted connection',
    },
    {
      name: 'device',
      long: ['device'],
      short: 'd',
      hint: 'DEVICE',
      help: 'auto, cpu (the embedded backend), cuda, cuda:N or N (that GPU) [default: auto]',
    },
    { name: 'gpus', long: ['gpus'], hint: '0,1,…', help: 'GPUs to use' },
    {
      name: 'threads',
      long: ['threads', 'merge-threads'],
      short: 't',
      hint: 'N',
      help: 'threads of one model call [default: from the cores available]',
    },
    {
      name: 'tokenBudget',
      long: ['token-budget'],
      hint: 'N',
      help: 'most tokens in one batch, padding counted, for both models [default: 2048 on the CPU, more on a server]',
    },
    {
      name: 'esmBatchSize',
      long: ['esm-batch-size'],
      hint: 'N',
      help: 'the same for ESM-2 alone [default: --token-budget]',
    },
    {
      name: 'dnabertBatchSize',
      long: ['dnabert-batch-size'],
      hint: 'N',
      help: 'the same for DNABERT-S alone [default: --token-budget]',
    },
    {
      name: 'batchSize',
      long: ['batch-size'],
      short: 'b',
      hint: 'N',
      help: 'rows in one call of the classifier [default: 256]',
    },
    {
      name: 'progress',
      long: ['progress'],
      negatable: true,
      shownNegated: true,
      help: 'do not show progress',
    },
  ],
}
