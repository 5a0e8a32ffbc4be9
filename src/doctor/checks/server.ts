import { findServer } from '../../server/serve/index.ts'
import { type Check, ok, warning } from '../finding.ts'

export default {
  id: 'server',
  title: 'Server',
  about: 'the Triton server that was set up for GPUs: a program, a private environment or a container',
  remedy: 'virnucpro setup',
  async examine({ survey, facts, runtime }) {
    const { gpus } = await survey()
    const found = await runtime()
    if (found !== undefined) return ok(`${found.label} (${found.kind})`)
    if (gpus.length === 0) return undefined
    const program = findServer()
    const { containers } = await facts()
    const there =
      program ??
      (containers.length === 0 ? 'a private environment can be made' : `${containers.join(', ')} can run one`)
    return warning(`none is set up for the GPUs; ${there}`, this.remedy)
  },
} satisfies Check
