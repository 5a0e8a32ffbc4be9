import type { ArgGroup } from '../parse/arg.ts'

const ONE_IMPLEMENTATION = 'there is one implementation'
const PYTORCH = 'it tunes PyTorch, which is not used'
const LOADING = 'sequences are read and batched without worker processes'

/** Options of Broad's fork that mean nothing here. Each one given is answered with a warning. */
export const oldArgs: ArgGroup = {
  title: 'Kept for old scripts',
  args: [
    { name: 'numWorkers', long: ['num-workers'], short: 'w', hint: 'N', help: '', noEffect: LOADING },
    { name: 'dataloaderWorkers', long: ['dataloader-workers'], hint: 'N', help: '', noEffect: LOADING },
    {
      name: 'parallel',
      long: ['parallel'],
      help: '',
      noEffect: '--backend, --triton, --gpus and --threads say what works at the same time',
    },
    { name: 'v1Fallback', long: ['v1-fallback'], help: '', noEffect: ONE_IMPLEMENTATION },
    { name: 'v1Attention', long: ['v1-attention'], help: '', noEffect: ONE_IMPLEMENTATION },
    {
      name: 'skipCheckpointValidation',
      long: ['skip-checkpoint-validation'],
      help: '',
      noEffect: 'files of an earlier run are always checked before they are used',
    },
    { name: 'pinMemory', long: ['pin-memory'], help: '', noEffect: PYTORCH },
    { name: 'expandableSegments', long: ['expandable-segments'], help: '', noEffect: PYTORCH },
    { name: 'cacheClearInterval', long: ['cache-clear-interval'], hint: 'N', help: '', noEffect: PYTORCH },
    { name: 'cudaStreams', long: ['cuda-streams'], negatable: true, help: '', noEffect: PYTORCH },
    {
      name: 'persistentModels',
      long: ['persistent-models'],
      negatable: true,
      help: '',
      noEffect: 'models stay loaded for the whole run',
    },
  ],
}
