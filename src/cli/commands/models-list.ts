import { classifiersOf, esm2Size } from '../../bundle/index.ts'
import type { HomeBundle } from '../../home/index.ts'
import { printable, printableJson } from '../../system/printable.ts'
import { columns } from '../../text/columns.ts'
import { bytes } from '../../text/numbers.ts'
import { command } from '../command.ts'
import { jsonOutput } from '../json.ts'

export default command({
  usage: ['[--json]'],
  examples: [['List the bundles:', 'models list']],
  notes: ['The default bundle is marked with a star.'],
  exits:
    '`65` a bundle or the record of the home is damaged; `66` no such bundle, or a home that may not be read',
  options: jsonOutput,
  async run({ args, logger }) {
    const { homePlace, listBundles } = await import('../../home/index.ts')
    const bundles = await listBundles()
    if (args.json) process.stdout.write(`${printableJson(bundles.map(asJson), 2)}\n`)
    else if (bundles.length > 0) process.stdout.write(`${asTable(bundles).join('\n')}\n`)
    else logger.info(`there are no bundles in ${homePlace('bundles')}; virnucpro setup makes one`)
    for (const { problem } of bundles) if (problem !== undefined && !args.json) logger.warn(problem)
  },
})

const HEADER = ['', 'ID', 'ESM-2', 'PRECISION', 'CLASSIFIERS', 'SIZE', 'MADE', 'FOR GPUS']

function asTable(bundles: readonly HomeBundle[]): string[] {
  const rows = bundles.map((bundle) => {
    const { id, isDefault, manifest, allBytes } = bundle
    const facts =
      manifest === undefined
        ? ['damaged', '', '']
        : [esm2Size(manifest.models.esm2), formOf(manifest), lengthsOf(manifest)]
    const [esm2 = '', precision = '', classifiers = ''] = facts
    const made = manifest?.created.slice(0, 10) ?? ''
    return [isDefault ? '*' : '', id, esm2, precision, classifiers, bytes(allBytes), made, forGpus(bundle)]
  })
  return columns([HEADER, ...rows], [5]).map(printable)
}

function formOf({ precision, attention }: NonNullable<HomeBundle['manifest']>): string {
  return attention === undefined ? precision : `${precision}-${attention}`
}

/** `300, 500`: chunk lengths of the classifiers. */
function lengthsOf(manifest: NonNullable<HomeBundle['manifest']>): string {
  return classifiersOf(manifest)
    .map(({ chunkLength = 'unknown' }) => chunkLength)
    .join(', ')
}

/** `bf16 with plans for 9.0 (TensorRT 10.6.0)` for every precision that there is. */
function forGpus({ derived, plans }: HomeBundle): string {
  const forms = new Set([...derived, ...plans].map(({ form }) => form))
  return [...forms]
    .map((form) => {
      const built = plans
        .filter((each) => each.form === form && each.capabilities.length > 0)
        .map(({ capabilities, tensorrt }) => `${capabilities.map(dotted).join(', ')} (TensorRT ${tensorrt})`)
      return built.length === 0 ? form : `${form} with plans for ${built.join('; ')}`
    })
    .join(', ')
}

/** `90` is compute capability 9.0. */
function dotted(capability: string): string {
  return `${capability.slice(0, -1)}.${capability.slice(-1)}`
}

function asJson({ manifest, isDefault, problem, ...rest }: HomeBundle) {
  return {
    ...rest,
    default: isDefault,
    problem: problem ?? null,
    created: manifest?.created ?? null,
    precision: manifest?.precision ?? null,
    attention: manifest === undefined ? null : (manifest.attention ?? 'standard'),
    esm2: manifest === undefined ? null : esm2Size(manifest.models.esm2),
    classifiers:
      manifest === undefined ? null : classifiersOf(manifest).map((each) => each.chunkLength ?? null),
  }
}
