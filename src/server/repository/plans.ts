import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import {
  bundleDigest,
  classifiersOf,
  HOSTED_NAMES,
  type HostedName,
  hostedModel,
  hostedNames,
  type Manifest,
} from '../../bundle/index.ts'
import { parseJson } from '../../system/json.ts'
import { readText } from '../../system/read-within.ts'
import { PlanError } from './errors.ts'

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
/** Rows and tokens of a row: the shape [B,T] of `input_ids`. */
const shape = v.tuple([size, size])

/**
 * What is known of a TensorRT plan, in `model_smXX.json` beside `model_smXX.plan`.
 *
 * Optimization profiles must not overlap in T: the server's TensorRT backend chooses among those that fit by a distance that
 * does not look at T when `max_batch_size` is 0.
 */
export const PlanSidecarSchema = v.pipe(
  v.looseObject({
    format: v.literal('virnucpro-plan'),
    version: v.literal(1),
    model: v.picklist(HOSTED_NAMES),
    /** `bundleDigest` of the bundle whose graph it was built from; that of the graph and the weights counts where they are there. */
    bundle: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    /** Of the GPU it was built on and runs on. */
    computeCapability: v.pipe(v.string(), v.regex(/^\d+\.\d$/)),
    /** Version of TensorRT: a plan loads in the same one only. */
    tensorrt: v.string(),
    /** The plan itself; absent where another program wrote the description. */
    plan: v.optional(
      v.object({
        bytes: v.optional(size),
        sha256: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
      }),
    ),
    profiles: v.pipe(
      v.array(v.strictObject({ min: shape, opt: shape, max: shape })),
      v.minLength(1),
      v.check((profiles) => disjoint(profiles), 'profiles overlap in length'),
    ),
    /** Name of the GPU it was built on. */
    gpu: v.optional(v.string()),
    graph: v.optional(v.looseObject({ sha256: v.string() })),
    weights: v.optional(v.looseObject({ sha256: v.string() })),
    optimizationLevel: v.optional(v.number()),
    /** When it was built, UTC, and how long that took. */
    built: v.optional(v.string()),
    buildSeconds: v.optional(v.number()),
  }),
)
/** The content of such a file. @interface */
export type PlanSidecar = v.InferOutput<typeof PlanSidecarSchema>
/** An optimization profile: the smallest and largest batch of a range of lengths, and the one that it is tuned for. */
export type Profile = PlanSidecar['profiles'][number]

/** A plan and what is known of it. */
export interface Plan {
  /** The plan itself. */
  readonly path: string
  readonly sidecar: PlanSidecar
}

/** Name of a plan's file for GPUs of one compute capability: `model_sm90.plan`. */
export function planFileName(computeCapability: string): string {
  return `model_sm${computeCapability.replace('.', '')}.plan`
}

/** Whether a file is named as a plan is. */
export function isPlanFileName(name: string): boolean {
  return /^model_sm\d+\.plan$/.test(name)
}

/** Plans are missing, or must be built again. */
export const NO_PLANS = { detail: { code: 'no-plans', data: {} } } as const

/**
 * Finds the plans of one model, in `FOLDER/MODEL/` with one file for each compute capability.
 *
 * @param bundle the bundle whose model it is, or its digest; with that alone, a bundle with another classifier is another
 * @throws PlanError when there is none, or one is not of the model of this bundle, or they have different profiles
 */
export async function findPlans(
  folder: string,
  model: HostedName,
  bundle: string | Circumstances['bundle'],
): Promise<Plan[]> {
  const place = join(folder, model)
  const names = (await readdir(place).catch(() => [])).filter(isPlanFileName)
  if (names.length === 0) {
    throw new PlanError(place, `no TensorRT plan in ${place}: expected model_smXX.plan`, NO_PLANS)
  }
  const at = { bundle: typeof bundle === 'string' ? { digest: bundle } : bundle }
  const plans: Plan[] = []
  for (const name of names.sort()) {
    const path = join(place, name)
    const sidecar = await readSidecar(path)
    const problem = misfit(path, sidecar, model, at)
    if (problem !== undefined) throw new PlanError(path, `${path} ${problem}`, NO_PLANS)
    plans.push({ path, sidecar })
  }
  const profiles = new Set(plans.map(({ sidecar }) => JSON.stringify(sidecar.profiles)))
  if (profiles.size > 1) {
    throw new PlanError(
      place,
      `the plans in ${place} have different profiles; one model serves one set of them. Build all with the same options.`,
    )
  }
  return plans
}

/** Path of the description beside a plan. */
export function sidecarPath(plan: string): string {
  return plan.replace(/plan$/, 'json')
}

/** The description beside a plan. @throws PlanError where there is none that can be read */
export async function readSidecar(plan: string): Promise<PlanSidecar> {
  const path = sidecarPath(plan)
  let json: unknown
  try {
    json = parseJson(await readText(path))
  } catch (cause) {
    throw new PlanError(path, `${path}, which describes ${basename(plan)}, cannot be read`, {
      cause,
      ...NO_PLANS,
    })
  }
  const result = v.safeParse(PlanSidecarSchema, json)
  if (result.success) return result.output
  const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`)
  throw new PlanError(
    path,
    [`${path} does not describe a plan:`, ...problems.map((line) => `  ${line}`)],
    NO_PLANS,
  )
}

/** What a plan has to fit. Whatever is left out is not compared. */
export interface Circumstances {
  readonly bundle?: { readonly digest: string; readonly manifest?: Manifest } | undefined
  readonly computeCapability?: string | undefined
  readonly tensorrt?: string | undefined
}

/** Why a plan of a model does not fit, by its description; undefined when it does. */
export function misfit(
  path: string,
  sidecar: PlanSidecar,
  model: HostedName,
  { bundle, computeCapability, tensorrt }: Circumstances,
): string | undefined {
  if (sidecar.model !== model) return `is a plan of ${sidecar.model}, expected one of ${model}`
  const capability = sidecar.computeCapability
  const name = planFileName(capability)
  if (basename(path) !== name) return `is for compute capability ${capability}: expected the name ${name}`
  if (computeCapability !== undefined && capability !== computeCapability)
    return `is for GPUs of compute capability ${capability}, this one has ${computeCapability}`
  if (tensorrt !== undefined && sidecar.tensorrt !== tensorrt)
    return `was built by TensorRT ${sidecar.tensorrt} and loads in no other version; this is ${tensorrt}`
  if (bundle?.manifest !== undefined) return otherModel(sidecar, model, bundle.manifest)
  return bundle === undefined || sidecar.bundle === bundle.digest ? undefined : OTHER_BUNDLE
}

const OTHER_BUNDLE = 'was built from another bundle'

/** Why a plan is not of the model of a bundle; whatever classifiers there are beside it makes no difference. */
function otherModel(sidecar: PlanSidecar, model: HostedName, manifest: Manifest): string | undefined {
  if (!hostedNames(manifest).includes(model)) return 'is of a model that the bundle does not have'
  const { weights, graph } = hostedModel(manifest, model)
  if (sidecar.weights !== undefined && sidecar.weights.sha256 !== weights.sha256)
    return 'was built from other weights than the bundle has'
  if (sidecar.graph !== undefined && sidecar.graph.sha256 !== graph.sha256)
    return 'was built from another graph than the bundle has'
  if (sidecar.weights !== undefined && sidecar.graph !== undefined) return undefined
  const digests = classifiersOf(manifest).map((classifier) => bundleDigest(manifest, classifier))
  return digests.includes(sidecar.bundle) ? undefined : OTHER_BUNDLE
}

function disjoint(profiles: readonly { min: [number, number]; max: [number, number] }[]): boolean {
  const byLength = profiles.toSorted((a, b) => a.min[1] - b.min[1])
  return byLength.every((profile, i) => i === 0 || profile.min[1] > byLength[i - 1]!.max[1])
}
