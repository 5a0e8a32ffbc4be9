import { findRuntime } from '../../server/runtime/index.ts'
import { findServer } from '../../server/serve/index.ts'
import type { Examination } from '../examination.ts'
import { type Check, ok, problem, warning } from '../finding.ts'

export default {
  id: 'server',
  title: 'Server',
  about:
    'the Triton server that was set up for GPUs, a program, a private environment or a container; else what there is to set up',
  remedy: 'virnucpro setup',
  async examine(examination) {
    // A machine without GPUs, such as a login node, may share the home of those that have some.
    if ((await examination.gpus()).length === 0) return undefined
    const found = await examination.runtime()
    if (found !== undefined) return ok(`${found.label} (${found.kind})`)
    const { there, missing } = await candidates(examination)
    const none = 'none is set up for the GPUs'
    if (there.length > 0) return warning(`${none}; ${there.join(', or ')}`, this.remedy)
    return problem(
      `${none}, and none can be: ${missing.join('; ')}`,
      'install Apptainer, then: virnucpro setup',
    )
  },
} satisfies Check

/** What set-up would try. No server is started to ask whether it suits. */
async function candidates({
  gpus: findGpus,
  facts,
  signal,
}: Examination): Promise<{ there: string[]; missing: string[] }> {
  const program = findServer()
  const { containers } = await facts()
  const engines = containers.map((engine) => `${engine} can run one`)
  if (program !== undefined) return { there: [`${program} is there`, ...engines], missing: [] }
  const gpus = await findGpus()
  const own = await findRuntime({ server: 'private', gpus, signal })
  if ('none' in own) return { there: engines, missing: [...own.none] }
  const label = 'found' in own ? `${own.found.label} is there` : `${own.install.label} can be installed`
  return { there: [...engines, label], missing: [] }
}
