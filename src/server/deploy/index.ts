/**
 * What GPUs need beyond a bundle: the same models in a precision for GPUs, TensorRT plans for each kind of GPU, and a model
 * repository. All of it is kept in the home, and made there when it is missing.
 */

import type { Bundle } from '../../bundle/index.ts'
import type { CpuRepositoryOptions } from './cpu-repository.ts'
import type { Deployment, DeployRequest } from './request.ts'
import type { DeployPlan } from './steps.ts'

export { DeployError } from './errors.ts'
export {
  type DeployEstimate,
  type Expense,
  estimateCheck,
  estimateDeployment,
  estimateImport,
  estimateRecheck,
  type ModelSize,
} from './estimates.ts'
export { findDeployment } from './find.ts'
export { HomeGpus, type HomeGpusOptions, type HomeServer } from './home-gpus.ts'
export {
  type Deployment,
  type DeployRequest,
  gpuLacking,
  isSupported,
  LEAST_CAPABILITY,
  PARTS,
  type Part,
  usualPrecision,
} from './request.ts'
export type { DeployPlan, DeployStep } from './steps.ts'

// The code that makes parts is loaded only when a part is missing.

/**
 * Makes the missing parts of a deployment, each whole or not at all. Of two processes that need the same part, the second waits
 * and then uses it. Parts that a killed process had finished stay.
 *
 * Parts in a home that this user cannot write to are used, and missing ones are made in the user's own cache folder.
 *
 * @throws DeployError when nothing is set up for GPUs, or something cannot be made; the errors of what makes each part
 */
export async function deploy(request: DeployRequest): Promise<Deployment> {
  return await (await import('./deploy.ts')).deploy(request)
}

/** Lets one process at a time make parts of a deployment. @param work - its signal is aborted with that of the request, too */
export async function withDeployLock<Result>(
  request: DeployRequest,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  return await (await import('./deploy.ts')).withDeployLock(request, work)
}

/**
 * A model repository of the home for a server on the processor, made when it is missing: the graphs of a bundle, in the
 * server's Python backend.
 *
 * @returns its folder
 * @throws UsageError for a bundle in a precision of GPUs
 */
export async function cpuRepository(bundle: Bundle, more: CpuRepositoryOptions): Promise<string> {
  return await (await import('./cpu-repository.ts')).cpuRepository(bundle, more)
}

/** The parts of a deployment as steps, in their order: what {@link deploy} does, one by one. @throws DeployError */
export async function planDeployment(request: DeployRequest): Promise<DeployPlan> {
  return await (await import('./steps.ts')).planDeployment(request)
}
