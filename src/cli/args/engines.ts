import type { ArgGroup } from '../parse/arg.ts'

/** `force` is a setting of `predict`; here it is about plans and has a name of its own. */
export const enginesArgs: ArgGroup = {
  title: 'TensorRT plans',
  args: [
    {
      name: 'bundle',
      long: ['bundle'],
      hint: 'BUNDLE',
      help: 'models imported with --precision bf16, fp16 or fp8',
    },
    { name: 'output', long: ['output'], short: 'o', hint: 'DIR', help: 'folder for the plans' },
    { name: 'model', long: ['model'], hint: 'esm2|dnabert_s|all', help: 'which to build [default: all]' },
    {
      name: 'profiles',
      long: ['profiles'],
      hint: 'T,T,…',
      help: 'longest length of each profile in tokens; with --model only [default: 64,176,1088 for esm2, 64,160,512 for dnabert_s]',
    },
    {
      name: 'lengthsFrom',
      long: ['lengths-from'],
      hint: 'FILE',
      help: 'choose the profiles of both models for the lengths in this input, FASTA or FASTQ',
    },
    {
      name: 'expectedLength',
      long: ['expected-length'],
      hint: 'N',
      help: 'bases of a chunk, as for predict; with --lengths-from [default: 500]',
    },
    {
      name: 'planOnly',
      long: ['dry-run'],
      help: 'print lengths and profiles, and build nothing; needs no GPU',
    },
    {
      name: 'planTokens',
      long: ['tokens'],
      hint: 'N',
      help: 'tokens of the batches to tune for [default: 16384 for esm2, 65536 for dnabert_s, fewer on small GPUs]',
    },
    {
      name: 'builder',
      long: ['builder'],
      hint: 'python|trtexec',
      help: "TensorRT's Python bindings or its command line [default: python]",
    },
    { name: 'python', long: ['python'], hint: 'PATH', help: 'Python that has TensorRT [default: python3]' },
    { name: 'trtexec', long: ['trtexec'], hint: 'PATH', help: 'trtexec [default: trtexec]' },
    {
      name: 'optimizationLevel',
      long: ['optimization-level'],
      hint: '0-5',
      help: 'how long TensorRT looks for faster kernels [default: 3]',
    },
    {
      name: 'timingCache',
      long: ['timing-cache'],
      hint: 'FILE',
      help: 'measurements kept for later builds [default: timing.cache in --output]',
    },
    {
      name: 'workspace',
      long: ['workspace'],
      hint: 'GB',
      help: 'scratch memory of kernels [default: no limit]',
    },
    { name: 'rebuild', long: ['force'], short: 'f', help: 'build even where a plan that fits is there' },
  ],
}

/** `force` is a setting of `predict`; here it has a name of its own, as above. */
export const tuneArgs: ArgGroup = {
  title: 'Batch sizes',
  args: [
    { name: 'model', long: ['model'], hint: 'esm2|dnabert_s|all', help: 'whose plan to time [default: all]' },
    {
      name: 'budgets',
      long: ['budgets'],
      hint: 'N,N,…',
      help: 'padded tokens of a batch to compare, ascending [default: 4096,8192,16384,32768,65536]',
    },
    {
      name: 'python',
      long: ['python'],
      hint: 'PATH',
      help: 'Python that has TensorRT and numpy [default: python3]',
    },
    { name: 'retune', long: ['force'], short: 'f', help: 'time plans that were timed already' },
  ],
}
