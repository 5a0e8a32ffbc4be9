import { join } from 'node:path'
import * as v from 'valibot'
import { HOSTED_NAMES } from '../../bundle/index.ts'
import { parseJson } from '../../system/json.ts'
import { readText } from '../../system/read-within.ts'
import { unlessMissing } from '../../system/system-error.ts'
import { PlanError } from './errors.ts'
import type { Plan } from './plans.ts'

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(1))

const EntrySchema = v.looseObject({
  model: v.picklist(HOSTED_NAMES),
  /** Name of the GPU it was measured on. */
  gpu: v.string(),
  computeCapability: v.string(),
  tensorrt: v.string(),
  /** SHA-256 of the plan that was measured. */
  plan: v.string(),
  /** Smallest budget that is nearly the fastest at all lengths. */
  tokenBudget: whole,
  /** The same for each profile of the plan by itself. */
  ranges: v.array(v.looseObject({ from: whole, to: whole, tokenBudget: whole, tokensPerSecond: v.number() })),
  /** Time of the measurement, UTC. */
  tuned: v.string(),
})
/** What was measured of one plan on one kind of GPU. @interface */
export type TuningEntry = v.InferOutput<typeof EntrySchema>

const TuningSchema = v.object({
  format: v.literal('virnucpro-tuning'),
  version: v.literal(1),
  entries: v.array(EntrySchema),
})
/** What `engines tune` has measured, in one file beside the plans: one entry for each plan. @interface */
export type Tuning = v.InferOutput<typeof TuningSchema>

/** Its name in the folder of the plans. */
export const TUNING_FILE = 'tuning.json'

/** @returns undefined where nothing was tuned. @throws PlanError when the file is damaged */
export async function readTuning(plans: string): Promise<Tuning | undefined> {
  const path = join(plans, TUNING_FILE)
  const text = await readText(path).catch(unlessMissing(path))
  if (text === undefined) return undefined
  try {
    return v.parse(TuningSchema, parseJson(text))
  } catch (cause) {
    throw new PlanError(path, `${path} holds no results of tuning: remove it, or tune again`, { cause })
  }
}

/** The smallest budget measured for these very plans; undefined unless each was. */
export function tunedBudget(tuning: Tuning | undefined, plans: readonly Plan[]): number | undefined {
  const budgets = plans.map(({ sidecar }) => {
    // GPUs of one compute capability share a plan, and each has an entry.
    const entries = tuning?.entries.filter(
      ({ model, plan }) => model === sidecar.model && plan === sidecar.plan?.sha256,
    )
    return Math.min(...(entries ?? []).map(({ tokenBudget }) => tokenBudget))
  })
  const smallest = Math.min(...budgets)
  return budgets.every(Number.isFinite) && Number.isFinite(smallest) ? smallest : undefined
}
