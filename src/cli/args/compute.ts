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
      name: 'repository',
      long: ['repository'],
      hint: 'DIR',
      help: 'model repository for a server that is started for this run and ends with it',
    },
    {
      name: 'serverBin',
      long: ['server-bin'],
      hint: 'PATH',
      help: 'its program [default: tritonserver of PATH or of /opt/tritonserver/bin]',
    },
    {
      name: 'backendDirectory',
      long: ['backend-directory'],
      hint: 'DIR',
      help: "folder of its backends [default: the server's own]",
    },
    {
      name: 'libraryPath',
      long: ['library-path'],
      hint: 'DIR[:…]',
      help: 'folders of libraries that it needs, before those of LD_LIBRARY_PATH',
    },
    {
      name: 'serverTimeout',
      long: ['server-timeout'],
      hint: 'SECONDS',
      help: 'give up when no server has finished a batch for so long [default: 300]',
    },
    {
      name: 'trustServer',
      long: ['trust-server'],
      negatable: true,
      help: 'use servers that do not say which model they host',
    },
    {
      name: 'tritonCa',
      long: ['triton-ca'],
      hint: 'FILE',
      help: 'certificate of the authority behind grpcs:// servers [default: those the system trusts]',
    },
    {
      name: 'tritonCert',
      long: ['triton-cert'],
      hint: 'FILE',
      help: 'own certificate, for servers that ask for one',
    },
    { name: 'tritonKey', long: ['triton-key'], hint: 'FILE', help: 'key of --triton-cert' },
    {
      name: 'tritonHeader',
      long: ['triton-header'],
      hint: 'NAME:VALUE',
      help: 'header sent with every request, for a proxy that wants one',
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
      help: 'threads of one model call, at most one for each core it may use [default: from the cores available]',
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
  ],
}
