// Set-up of a machine, from weights to everything that a run needs. Finished steps are skipped.

import type { SetupOptions } from './options.ts'
import type { Progress, SetupPlan } from './run.ts'

export { SetupError } from './errors.ts'
export type { NamedClassifier, SetupOptions } from './options.ts'
export type { PlannedStep, Progress, SetupPlan } from './run.ts'

/**
 * The steps that this machine needs, with the time and disk space of each. Changes nothing permanently: it may start a server
 * for a moment to find out its versions, and asks the source of missing weights for their sizes.
 *
 * @throws SetupError when the machine cannot be set up as asked; UsageError; the errors of opening bundles and of reading the home
 */
export async function planSetup(options: SetupOptions): Promise<SetupPlan> {
  return await (await import('./run.ts')).planSetup(options)
}

/**
 * Does the unfinished steps, one after the other. When the process is killed, at whatever moment, every finished step stays
 * whole, and the next call continues from there. Of two calls at the same time, the second waits for the first.
 *
 * @throws SetupError at once when the disk is too small; the errors of the steps
 */
export async function setUp(options: SetupOptions, progress: Progress): Promise<void> {
  await (await import('./run.ts')).setUp(options, progress)
}
