import { type GpuSurvey, gpuKinds, lackOfGpus } from '../../machine/index.ts'
import { isSupported, LEAST_CAPABILITY } from '../../server/deploy/index.ts'
import { bytes, count } from '../../text/numbers.ts'
import { type Check, ok, warning } from '../finding.ts'

const WITHOUT_INSTANCES =
  'ask an administrator to make instances (nvidia-smi mig -cgi) or to end MIG mode (nvidia-smi -mig 0)'

export default {
  id: 'gpus',
  title: 'GPUs',
  about: 'the GPUs that this process may use, and those that `CUDA_VISIBLE_DEVICES` hides',
  remedy: 'unset CUDA_VISIBLE_DEVICES',
  async examine({ survey }) {
    const found = await survey()
    const { gpus, all } = found
    // The finding about the driver says more.
    if (found.problem !== undefined) return undefined
    if (all.length === 0 && found.undivided > 0)
      return warning(`${lackOfGpus(found)}: the processor computes`, WITHOUT_INSTANCES)
    const none = process.platform === 'linux' ? 'none' : lackOfGpus(found)
    if (all.length === 0) return ok(`${none}: the processor computes`)
    if (gpus.length === 0) return warning(`${lackOfGpus(found)}: the processor computes`, this.remedy)
    const text = describe(found)
    const newer = gpus.filter(isSupported)
    const old = gpus.find((gpu) => !newer.includes(gpu))
    if (old === undefined) return ok(text)
    return warning(
      `${old.name} has compute capability ${old.computeCapability}, and TensorRT needs ${LEAST_CAPABILITY} or later`,
      newer.length === 0
        ? 'virnucpro predict --backend onnx'
        : `export CUDA_VISIBLE_DEVICES=${newer.map(({ uuid }) => uuid).join()}`,
    )
  },
} satisfies Check

function describe({ gpus, all }: GpuSurvey): string {
  const kinds = gpuKinds(gpus).map(
    ({ name, computeCapability, memoryBytes, gpus: alike }) =>
      `${alike.length} × ${name} (${bytes(memoryBytes)}, compute capability ${computeCapability})`,
  )
  const hidden = all.length - gpus.length
  return (
    kinds.join(', ') + (hidden === 0 ? '' : `; CUDA_VISIBLE_DEVICES leaves out ${count(hidden, 'other')}`)
  )
}
