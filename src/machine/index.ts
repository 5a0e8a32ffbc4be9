/** Facts about this machine: GPUs as `nvidia-smi` lists them and as this process may use them, memory, disks, container engines. */

export { freeBytes, type Volume, volumeOf } from './disks.ts'
export { type MachineFacts, machineFacts } from './facts.ts'
export {
  type Gpu,
  type GpuKind,
  type GpuSurvey,
  gpuKinds,
  gpuNames,
  lackOfGpus,
  listGpus,
  pickGpus,
  surveyGpus,
} from './gpus.ts'
export { multiprocessorsOf } from './multiprocessors.ts'
export { askNvidiaSmi } from './nvidia-smi.ts'
