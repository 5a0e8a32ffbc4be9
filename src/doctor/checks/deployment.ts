import { findDeployment } from '../../server/deploy/index.ts'
import { silent } from '../../system/logger.ts'
import { count } from '../../text/numbers.ts'
import { type Check, ok, problem } from '../finding.ts'

export default {
  id: 'deployment',
  title: 'Models for GPUs',
  about:
    'whether every GPU has models, plans and a model repository; without them `predict` stops on a machine with GPUs',
  remedy: 'virnucpro setup',
  async examine({ gpus: findGpus, bundle, home: readHome, signal }) {
    // What is wrong with these is said in findings of their own.
    const [gpus, base, home] = await Promise.all([
      findGpus(),
      bundle().catch(() => undefined),
      readHome().catch(() => undefined),
    ])
    if (gpus.length === 0 || base === undefined || base.manifest.demo || home === undefined) return undefined
    if (home.gpu === undefined) return problem('nothing is set up for the GPUs', this.remedy)
    const found = await findDeployment({ base, home, gpus, logger: silent, signal })
    if ('missing' in found) return problem(`${found.missing.join(', ')} missing: ${found.why}`, this.remedy)
    const { precision, attention } = found.ready
    const form =
      attention === 'fused' ? `${precision.toUpperCase()} with our own attention` : precision.toUpperCase()
    return ok(`${form}, for ${gpus.length === 1 ? 'the GPU' : `all ${count(gpus.length, 'GPU')}`}`)
  },
} satisfies Check
