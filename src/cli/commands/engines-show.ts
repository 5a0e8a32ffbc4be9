import type { FoundEngine } from '../../server/engines/index.ts'
import { section, settings } from '../../settings/index.ts'
import { NoInputError, VirnucproError } from '../../system/errors.ts'
import { printable } from '../../system/printable.ts'
import { command, PLANS_FOLDER } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'

export default command({
  usage: ['DIR [--bundle BUNDLE] [--json]'],
  examples: [['Print the plans in a folder:', 'engines show plans']],
  words: PLANS_FOLDER,
  exits: '`1` some plans cannot be used; `66` there are none',
  options: {
    ...section('What to compare with', {
      bundle: {
        ...settings.bundle,
        otherwise: 'as for `predict`',
        help: 'the bundle that the plans should be of; without one this is not checked',
      },
    }),
    ...jsonOutput,
  },
  async run({ args, word: folder }) {
    const { findEngines } = await import('../../server/engines/index.ts')
    const { openBundle } = await import('../../bundle/index.ts')
    const bundle = args.bundle === undefined ? undefined : await openBundle(args.bundle)
    const found = await findEngines(folder, { bundle })
    if (args.json) printJson('plans', { folder, plans: found.map(factsOf) })
    else process.stdout.write(found.map((each) => `${describe(each).map(printable).join('\n')}\n`).join(''))
    if (found.length === 0) {
      throw new NoInputError(
        `no TensorRT plan in ${folder}: expected esm2/model_smXX.plan or dnabert_s/model_smXX.plan`,
      )
    }
    const bad = found.filter(({ problem }) => problem !== undefined).length
    if (bad > 0) throw new VirnucproError(`${bad} of ${found.length} plans cannot be used as they are`)
  },
})

function factsOf({ path, bytes, sidecar, problem }: FoundEngine) {
  return {
    path,
    bytes,
    problem: problem ?? null,
    model: sidecar?.model ?? null,
    gpu: sidecar?.gpu ?? null,
    computeCapability: sidecar?.computeCapability ?? null,
    tensorrt: sidecar?.tensorrt ?? null,
    bundle: sidecar?.bundle ?? null,
    built: sidecar?.built ?? null,
    buildSeconds: sidecar?.buildSeconds ?? null,
    profiles: sidecar?.profiles ?? null,
  }
}

function describe({ path, bytes, sidecar, problem }: FoundEngine): string[] {
  const lines = [`${path}  ${(bytes / 1e6).toFixed(1)} MB`]
  if (sidecar !== undefined) {
    const more = sidecar as Record<string, unknown>
    const lengths = sidecar.profiles.map(({ min, max }) => `${min[1]}-${max[1]} (${max[0]} rows)`).join(', ')
    lines.push(
      `  GPU: ${more.gpu ?? 'unknown'}, compute capability ${sidecar.computeCapability}; TensorRT ${sidecar.tensorrt}`,
      `  tokens: ${lengths}`,
      `  bundle: ${sidecar.bundle}`,
      `  built: ${more.built ?? 'unknown'} in ${more.buildSeconds ?? '?'} s`,
    )
  }
  return problem === undefined ? lines : [...lines, `  problem: it ${problem}`]
}
