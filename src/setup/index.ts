// Sets this program up on a machine: from weights to all that a run needs, each step skipped when it is done.

import type { SetupOptions } from './options.ts'
import type { Progress, SetupPlan } from './run.ts'

export { SetupError } from './errors.ts'
export type { NamedClassifier, SetupOptions } from './options.ts'
export type { PlannedStep, Progress, SetupPlan } from './run.ts'

/**
 * What setting up would do: all steps that this machine needs, with what each takes. Changes nothing that stays; a server is
 * started to ask it what it has, and where weights come from is asked for their sizes.
 *
 * @throws SetupError when the machine cannot be set up as asked; UsageError; the errors of reading what is there
 */
export async function planSetup(options: SetupOptions): Promise<SetupPlan> {
  return await (await import('./run.ts')).planSetup(options)
}

/**
 * Does what is not done, one step after the other. A process that is killed, at whatever moment, leaves every finished step
 * whole, and the next call goes on from there. Of two at the same time the second waits for the first.
 *
 * @throws SetupError before anything long when the disk is too small; the errors of the steps
 */
export async function setUp(options: SetupOptions, progress: Progress): Promise<void> {
  await (await import('./run.ts')).setUp(options, progress)
}
