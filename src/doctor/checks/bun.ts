import { engines } from '../../../package.json' with { type: 'json' }
import { type Check, ok, problem } from '../finding.ts'

export default {
  id: 'bun',
  title: 'Bun',
  about: 'the version of Bun that runs this program',
  remedy: 'bun upgrade',
  async examine({ bunVersion, facts }) {
    const { os, arch } = await facts()
    if (Bun.semver.satisfies(bunVersion, engines.bun)) return ok(`${bunVersion} on ${os} ${arch}`)
    return problem(`this is Bun ${bunVersion}, and ${engines.bun} is needed`, this.remedy)
  },
} satisfies Check
