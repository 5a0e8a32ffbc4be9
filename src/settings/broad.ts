import { flag, option, section } from './option.ts'
import { text } from './values.ts'

// What Broad's fork takes and that has no effect here. Source: its command line, its config/default_config.yaml and the
// code that reads it.

const ONE_IMPLEMENTATION = { noEffect: 'there is one implementation' }
const PYTORCH = { noEffect: 'it tunes PyTorch, which is not used' }
const LOADING = { noEffect: 'sequences are read and batched without worker processes' }

/** Its options. Each one given is answered with a warning. */
export const broadOptions = section('Kept for old scripts', {
  numWorkers: option(text('N'), '', { short: 'w', ...LOADING }),
  dataloaderWorkers: option(text('N'), '', LOADING),
  parallel: flag('', {
    noEffect: '`--backend`, `--triton`, `--gpus` and `--threads` say what works at the same time',
  }),
  v1Fallback: flag('', { long: 'v1-fallback', ...ONE_IMPLEMENTATION }),
  v1Attention: flag('', { long: 'v1-attention', ...ONE_IMPLEMENTATION }),
  skipCheckpointValidation: flag('', {
    noEffect: 'files of an earlier run are always checked before they are used',
  }),
  pinMemory: flag('', PYTORCH),
  expandableSegments: flag('', PYTORCH),
  cacheClearInterval: option(text('N'), '', PYTORCH),
  cudaStreams: flag('', { negatable: true, ...PYTORCH }),
  persistentModels: flag('', { negatable: true, noEffect: 'models stay loaded for the whole run' }),
})

/** Keys of its configuration file; most had no effect there either. `.*` takes all below. */
export const ignoredBroadKeys: readonly string[] = [
  'version',
  'prediction.num_workers',
  'prediction.default_model_type',
  'device.default',
  'features.dnabert.model_name',
  'features.dnabert.trust_remote_code',
  'features.esm.model_name',
  'features.esm.representation_layer',
  'parallelization.*',
  'checkpointing.enabled',
  'checkpointing.keep_history',
  'checkpointing.checkpoint_dir',
  'logging.*',
  'progress.*',
  'validation.*',
  'files.keep_files',
]

/** Environment variables that switch parts of its own implementation. */
export const ignoredBroadVariables: readonly string[] = [
  'VIRNUCPRO_DISABLE_PACKING',
  'VIRNUCPRO_DISABLE_FP16',
  'VIRNUCPRO_V1_ATTENTION',
  'VIRNUCPRO_VIRAL_CHECKPOINT_MODE',
]
