import { UsageError } from '../system/errors.ts'
import type { Effective } from './effective.ts'
import { describeOrigin } from './origins.ts'

/** The GPU that `cuda`, `cuda:N` or `N` names; undefined for `auto` and `cpu`. As in PyTorch, `cuda` is GPU 0. */
function gpuOf(device: string | undefined): number | undefined {
  if (device === undefined || device === 'auto' || device === 'cpu') return undefined
  return device === 'cuda' ? 0 : Number(device.replace('cuda:', ''))
}

/** Turns Broad's `--device` into `backend` and `gpus`, and refuses combinations that contradict themselves. */
export function deriveDevice(effective: Effective): void {
  const { values } = effective
  const gpu = gpuOf(values.device)
  const asksForGpus = values.gpus !== undefined
  const agrees = values.device === 'auto' || !asksForGpus || (gpu !== undefined && values.gpus?.includes(gpu))
  if (!agrees && effective.compare('device', 'gpus') === 0) {
    const [device, gpus] = (['device', 'gpus'] as const).map((name) => describeOrigin(effective.origin(name)))
    throw new UsageError(
      `device ${values.device} (${device}) and gpus ${values.gpus} (${gpus}) contradict each other`,
    )
  }
  const deviceDecides = !asksForGpus || (!agrees && effective.compare('device', 'gpus') > 0)
  if (gpu !== undefined && deviceDecides) effective.derive('gpus', [gpu], effective.origin('device'))
  if (values.device === 'cpu' && deviceDecides) {
    if (asksForGpus) effective.derive('gpus', undefined, effective.origin('device'))
    if (values.backend === 'auto') effective.derive('backend', 'onnx', effective.origin('device'))
  }
  checkGpus(effective, asksForGpus && !deviceDecides)
  checkBackend(effective)
}

/** @param isChoice - whether GPUs were chosen by number, with `gpus` */
function checkGpus(effective: Effective, isChoice: boolean): void {
  const { backend, triton } = effective.values
  if (backend === 'onnx') dropOrRefuseGpus(effective, 'backend', 'computes on the processor')
  else if (isChoice && (triton?.length ?? 0) > 0)
    dropOrRefuseGpus(effective, 'triton', 'names servers, which use the GPUs that they were started with')
}

/** GPUs that were asked for in a weaker place than the setting that rules them out are not meant; in no weaker one, they are. */
function dropOrRefuseGpus(effective: Effective, setting: 'backend' | 'triton', because: string): void {
  if (effective.values.gpus === undefined) return
  const origin = effective.origin(setting)
  if (effective.compare(setting, 'gpus') > 0) {
    effective.derive('gpus', undefined, origin)
    return
  }
  const gpus = describeOrigin(effective.origin('gpus'))
  throw new UsageError(
    `${gpus} asks for a GPU, and ${describeOrigin(origin)} ${because}: keep one of the two`,
  )
}

function checkBackend(effective: Effective): void {
  const { values } = effective
  const servers = values.triton?.length ?? 0
  const backend = describeOrigin(effective.origin('backend'))
  if (values.backend === 'triton' && servers === 0 && values.repository === undefined) {
    throw new UsageError(
      `backend triton (${backend}) needs a server: give --triton grpc://HOST:PORT, or --repository DIR to have one started`,
    )
  }
  if (values.backend === 'onnx' && servers > 0 && effective.compare('backend', 'triton') === 0) {
    const triton = describeOrigin(effective.origin('triton'))
    throw new UsageError(
      `backend onnx (${backend}) does not use the servers given (${triton}); keep one of the two`,
    )
  }
  if (
    values.fallbackToCpu === false &&
    values.gpus !== undefined &&
    servers === 0 &&
    values.repository === undefined &&
    values.backend !== 'triton'
  ) {
    throw new UsageError(
      `${describeOrigin(effective.origin('gpus'))} asks for a GPU and ${describeOrigin(effective.origin('fallbackToCpu'))} ` +
        'forbids the processor, but the embedded backend computes on the processor: give --triton grpc://HOST:PORT',
    )
  }
}
