import {
  type Bundle,
  type ClassifierRecord,
  openBundle,
  precisionFacts,
  recheckOf,
  unmeasuredClassifiers,
} from '../../bundle/index.ts'
import { findDeployment } from '../../server/deploy/index.ts'
import { silent } from '../../system/logger.ts'
import type { Examination } from '../examination.ts'
import { type Check, ok, warning } from '../finding.ts'

export default {
  id: 'recheck',
  title: 'Rechecking',
  about:
    'whether quantized models have a partner that rechecks their calls, and it is known for each classifier how far they may be off',
  remedy: 'virnucpro setup',
  async examine(examination) {
    const base = await examination.bundle().catch(() => undefined)
    if (base === undefined || base.manifest.demo) return undefined
    const used = (await onGpus(base, examination)) ?? base
    const { eightBits, partnered, label, device } = precisionFacts(used.manifest.precision)
    if (!eightBits) return undefined
    const facts = await recheckOf(used)
    // With INT8 nobody is given one who has not asked for it.
    if (facts === undefined)
      return partnered
        ? warning(`calls are those of ${label}: it has no partner to recheck them`, this.remedy)
        : undefined
    const unknown = await unmeasuredClassifiers(used, base)
    const partner = precisionFacts(facts.partner).label
    if (unknown.length === 0) return ok(`${label} is rechecked in ${partner}`)
    return warning(
      `how far ${label} may be from ${partner} is not known with ${unknown.map(nameOf).join(' and ')}`,
      device === 'gpu' ? this.remedy : 'virnucpro models recheck',
    )
  },
} satisfies Check

function nameOf({ source }: ClassifierRecord): string {
  return source.files.map(({ name }) => name).join(', ')
}

/** The models that compute on the GPUs of this machine; undefined where none do. What is wrong with them is a finding of its own. */
async function onGpus(
  base: Bundle,
  { gpus: findGpus, home: readHome, signal }: Examination,
): Promise<Bundle | undefined> {
  const [gpus, home] = await Promise.all([findGpus(), readHome().catch(() => undefined)])
  if (gpus.length === 0 || home?.gpu === undefined) return undefined
  const found = await findDeployment({ base, home, gpus, logger: silent, signal })
  return 'ready' in found ? await openBundle(found.ready.bundle, signal) : undefined
}
