import { count } from '../../text/numbers.ts'
import { type Check, ok, warning } from '../finding.ts'

export default {
  id: 'cores',
  title: 'Cores',
  about: 'cores that this process may use, quotas of containers and batch systems included',
  remedy: 'give the job or the container more cores',
  async examine({ facts, gpus: findGpus }) {
    const [{ cores }, gpus] = await Promise.all([facts(), findGpus()])
    // One reads, cuts and packs sequences; DNABERT-S on an H200 takes one more for each GPU (docs/adr/0025-one-server-for-each-gpu.md).
    const needed = Math.max(2, gpus.length + 1)
    const what = gpus.length > 0 ? count(gpus.length, 'GPU') : 'the models'
    const have = `${count(cores, 'core')} may be used`
    if (cores >= needed) return ok(have)
    return warning(`${have}; ${needed} are needed to keep ${what} busy`, this.remedy)
  },
} satisfies Check
