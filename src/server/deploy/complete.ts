import type { Bundle } from '../../bundle/index.ts'
import { type Gpu, machineFacts } from '../../machine/index.ts'
import { estimate } from '../../text/numbers.ts'
import { deploy } from './deploy.ts'
import { estimateCheck, estimateDeployment } from './estimates.ts'
import { findDeployment } from './find.ts'
import { type Deployment, type DeployRequest, usualPrecision } from './request.ts'
import { planDeployment } from './steps.ts'

/**
 * Completes a deployment: makes parts that are missing, or no longer fit GPUs, server or bundle, and logs that once with the
 * time that it takes.
 *
 * @throws the errors of `deploy`
 */
export async function completeDeployment(request: DeployRequest): Promise<Deployment> {
  const found = await findDeployment(request)
  if ('ready' in found) return found.ready
  const { steps } = await planDeployment(request)
  let seconds = 0
  for (const step of steps) if (!(await step.isDone())) seconds += step.expense.seconds
  request.logger.info(
    `what a server on these GPUs needs is made now, once, which takes about ${estimate(seconds)}: ${found.why}`,
  )
  return await deploy(request)
}

/** Estimated seconds of the first set-up of GPUs, where a server is there to be found. */
export async function estimateSetup({ manifest }: Bundle, gpus: readonly Gpu[]): Promise<number> {
  const { cores } = await machineFacts()
  const precision = usualPrecision(gpus)
  const parts = estimateDeployment(manifest.models, gpus, { precision, isCalibrated: true, cores })
  return Object.values(parts).reduce((sum, { seconds }) => sum + seconds, estimateCheck(manifest.models))
}
