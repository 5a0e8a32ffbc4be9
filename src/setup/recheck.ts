import { hasPartner, openBundle, unmeasuredClassifiers } from '../bundle/index.ts'
import { withDeployLock } from '../server/deploy/index.ts'
import { measureBundle } from '../verify/index.ts'
import { deploymentOf, startDeployed } from './check.ts'
import { SetupError } from './errors.ts'
import type { Situation } from './situation.ts'

/** Whether it is known, with each classifier and as many frames as are asked for, how far the models on GPUs are from their partner. */
export async function isMeasured(situation: Situation): Promise<boolean> {
  const { base, options } = situation
  const ready = await deploymentOf(situation)
  if (ready === undefined || base === undefined) return false
  const bundle = await openBundle(ready.bundle, options.signal)
  if (!hasPartner(bundle.manifest)) return false
  return (await unmeasuredClassifiers(bundle, base, options.recheckFrames)).length === 0
}

/**
 * Starts the server, measures through it with the classifiers that are new, and has the model repository state what was found.
 *
 * @throws SetupError; those of `startServer` and `measureBundle`
 */
export async function measureRecheck(situation: Situation): Promise<void> {
  const { base, deployment, record, options } = situation
  const { logger, signal } = options
  const ready = await deploymentOf(situation)
  if (ready === undefined || base === undefined || deployment === undefined)
    throw new SetupError('there is nothing to measure')
  const calibrate = record.gpu?.calibrate
  {
    await using server = await startDeployed(ready, situation)
    const endpoints = server.endpoints.map(({ grpcUrl }) => grpcUrl)
    await measureBundle({
      bundle: ready.bundle,
      classifiersOf: base,
      triton: { endpoints, access: {}, serverTimeout: 600 },
      input: calibrate === 'none' ? undefined : calibrate,
      frames: options.recheckFrames,
      logger,
      signal,
    })
  }
  // A run that finds the repository without the figures makes it again, too.
  await withDeployLock(deployment.request, async () => {
    const step = deployment.steps.find(({ name }) => name === 'repository')
    if (step !== undefined && !(await step.isDone())) await step.work()
  })
}
