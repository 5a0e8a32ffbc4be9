/**
 * What GPUs need beyond a bundle: the same models in a precision of GPUs, TensorRT plans for each kind of GPU, and a model
 * repository. All of it lies in the home, and is made there where it is missing.
 */

import type { Bundle } from '../../bundle/index.ts'
import type { CpuRepositoryOptions } from './cpu-repository.ts'
import type { Deployment, DeployRequest } from './request.ts'
import type { DeployPlan } from './steps.ts'

export { DeployError } from './errors.ts'
export {
  type DeployEstimate,
  type Expense,
  estimateDeployment,
  estimateImport,
  type ModelSize,
} from './estimates.ts'
export { findDeployment } from './find.ts'
export { HomeGpus, type HomeGpusOptions, type HomeServer } from './home-gpus.ts'
export {
  type Deployment,
  type DeployRequest,
  isSupported,
  LEAST_CAPABILITY,
  PARTS,
  type Part,
} from './request.ts'
export type { DeployPlan, DeployStep } from './steps.ts'

// What makes something is loaded when something is missing.

/**
 * Makes what is missing of a deployment, each part whole or not at all. Of two processes that make the same, the second waits
 * and finds it there. What a killed one has finished stays.
 *
 * In a home that this user cannot write to, what is there is used, and the rest is made in the user's own folder of caches.
 *
 * @throws DeployError when nothing is set up for GPUs, or something cannot be made; the errors of what makes each part
 */
export async function deploy(request: DeployRequest): Promise<Deployment> {
  return await (await import('./deploy.ts')).deploy(request)
}

/** Has one process at a time make parts of a deployment. @param work its signal is aborted with that of the request, too */
export async function withDeployLock<Result>(
  request: DeployRequest,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  return await (await import('./deploy.ts')).withDeployLock(request, work)
}

/**
 * A model repository of the home for a server on the processor, made where it is missing: the graphs of a bundle, in the
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
