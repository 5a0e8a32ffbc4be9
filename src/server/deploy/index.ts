/**
 * What GPUs need beyond a bundle: the same models in a precision of GPUs, TensorRT plans for each kind of GPU, and a model
 * repository. All of it lies in the home, and is made there where it is missing.
 */

import type { Bundle } from '../../bundle/index.ts'
import type { Gpu } from '../../machine/index.ts'
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
 * A deployment that is whole: what is missing, or no longer fits GPUs, server or bundle, is made, and said once with the time
 * that it takes.
 *
 * @throws the errors of {@link deploy}
 */
export async function completeDeployment(request: DeployRequest): Promise<Deployment> {
  return await (await import('./complete.ts')).completeDeployment(request)
}

/** Seconds that it takes, about, to set up GPUs for a bundle for the first time. */
export async function estimateSetup(base: Bundle, gpus: readonly Gpu[]): Promise<number> {
  return await (await import('./complete.ts')).estimateSetup(base, gpus)
}

/** The parts of a deployment as steps, in their order: what {@link deploy} does, one by one. @throws DeployError */
export async function planDeployment(request: DeployRequest): Promise<DeployPlan> {
  return await (await import('./steps.ts')).planDeployment(request)
}
