import { findRuntime } from '../../server/runtime/index.ts'
import { findServer } from '../../server/serve/index.ts'
import type { Examination } from '../examination.ts'
import { type Check, ok, problem, warning } from '../finding.ts'

export default {
  id: 'server',
  title: 'Server',
  about:
    'the Triton server that was set up for GPUs (a program, a private environment or a container), or which one could be',
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
  signal,
}: Examination): Promise<{ there: string[]; missing: string[] }> {
  const program = findServer()
  const there = program === undefined ? [] : [`${program} is there`]
  const missing: string[] = []
  const gpus = await findGpus()
  for (const server of ['container', 'private'] as const) {
    if (program !== undefined && server === 'private') continue
    const result = await findRuntime({ server, gpus, signal })
    if ('none' in result) missing.push(...result.none)
    else if ('found' in result) there.push(`${result.found.label} is there`)
    else if (result.install.kind === 'container') there.push(`${result.install.engine} can run one`)
    else there.push(`${result.install.label} can be installed`)
  }
  return { there, missing }
}
