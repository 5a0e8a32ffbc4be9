import type { Bundle, ClassifierRecord, SourceRecord } from '../../bundle/index.ts'
import {
  boundsIn,
  bundleDigest,
  classifiersOf,
  esm2Size,
  MODEL_NAMES,
  MODELS,
  openBundle,
  pairOf,
  readBounds,
  unmeasuredClassifiers,
} from '../../bundle/index.ts'
import type { HomeBundle } from '../../home/index.ts'
import { printable } from '../../system/printable.ts'
import { columns } from '../../text/columns.ts'
import { bytes, count, plural } from '../../text/numbers.ts'
import { A_BUNDLE, command } from '../command.ts'
import { jsonOutput, printJson } from '../json.ts'

export default command({
  usage: ['[BUNDLE] [--json]'],
  examples: [
    ['Describe the default bundle:', 'models info'],
    ['Describe another one, by its folder:', 'models info models-bf16'],
  ],
  notes: ['virnucpro models show prints the whole manifest as JSON.'],
  words: A_BUNDLE,
  completes: 'bundles',
  exits:
    '`65` a bundle or the record of the home is damaged; `66` no such bundle, or a home that may not be read',
  options: jsonOutput,
  async run({ args, word }) {
    const { findBundle, listBundles } = await import('../../home/index.ts')
    const { folder, id } = await findBundle(word || undefined)
    const bundle = await openBundle(folder)
    const own = id === undefined ? undefined : (await listBundles()).find((each) => each.id === id)
    if (args.json)
      return printJson('bundle', { ...factsOf(bundle, own), recheck: await recheckFacts(bundle) })
    const rows = [
      ...aboutBundle(bundle, own),
      ...aboutModels(bundle),
      ...(await aboutRecheck(bundle)),
      ...(own ? aboutHome(own) : []),
    ]
    process.stdout.write(`${columns(rows).map(printable).join('\n')}\n`)
  },
})

function factsOf({ folder, manifest }: Bundle, own: HomeBundle | undefined) {
  const { name, precision, attention = 'standard', created, tool, demo = false, models } = manifest
  return {
    id: own?.id ?? null,
    default: own?.isDefault ?? false,
    folder,
    name,
    demo,
    precision,
    attention,
    created,
    tool,
    esm2: esm2Size(models.esm2),
    classifiers: classifiersOf(manifest).map((each) => ({
      chunkLength: each.chunkLength ?? null,
      digest: bundleDigest(manifest, each),
    })),
    bytes: own?.bytes ?? null,
    allBytes: own?.allBytes ?? null,
    derived: own?.derived ?? [],
    plans: own?.plans ?? [],
    repositories: own?.repositories ?? [],
  }
}

type Row = readonly [what: string, facts: string]

function aboutBundle({ folder, manifest }: Bundle, own: HomeBundle | undefined): Row[] {
  const { name, precision, attention, created, tool, demo } = manifest
  return [
    ...(own === undefined ? [] : [['id', `${own.id}${own.isDefault ? ', the default' : ''}`] as const]),
    ['name', `${name}${demo ? ', a demonstration: what it calls means nothing' : ''}`],
    ['folder', folder],
    ['precision', `${precision}${attention === undefined ? '' : `, ${attention} attention`}`],
    ['made', `${created.slice(0, 10)} by ${tool.name} ${tool.version}`],
  ]
}

function aboutModels({ manifest }: Bundle): Row[] {
  const { models } = manifest
  return [
    ...MODEL_NAMES.map((model): Row => {
      const { layers, width, source } = models[model]
      const size = `${layers} layers of ${width}`
      const published = model === 'esm2' ? esm2Size(models.esm2) : size
      return [MODELS[model].label, `${published === size ? size : `${published}, ${size}`}; ${from(source)}`]
    }),
    ...classifiersOf(manifest).map((classifier): Row => ['classifier', aboutClassifier(classifier)]),
    [
      'digest',
      classifiersOf(manifest)
        .map((each) => bundleDigest(manifest, each))
        .join(', '),
    ],
  ]
}

/** The partner of a quantized model, and what was measured of the two; null without one. */
async function recheckFacts(bundle: Bundle) {
  const pair = pairOf(bundle.manifest)
  if (pair === undefined) return null
  const { model, partner } = pair
  return { model, partner, bounds: boundsIn(await readBounds(bundle), pair.digests) }
}

async function aboutRecheck(bundle: Bundle): Promise<Row[]> {
  const facts = await recheckFacts(bundle)
  if (facts === null) return []
  const { model, partner, bounds } = facts
  const unknown = await unmeasuredClassifiers(bundle)
  const frames = Math.min(...bounds.map((each) => each.frames))
  const measured =
    unknown.length > 0
      ? `not measured with ${plural(unknown.length, 'classifier')}`
      : `measured with ${count(frames, 'frame')}`
  return [['rechecked', `${MODELS[model].label} in ${partner}; ${measured}`]]
}

function aboutClassifier({ chunkLength, source }: ClassifierRecord): string {
  const chunks = chunkLength === undefined ? 'chunks of unknown length' : `chunks of ${chunkLength} bases`
  return `${chunks}; ${from(source)}`
}

function from({ files, licence }: SourceRecord): string {
  const names = files.map(({ name, bytes: size }) => `${name} (${bytes(size)})`).join(', ')
  return `from ${names}; licence ${licence}`
}

function aboutHome({ bytes: size, allBytes, derived, plans, repositories }: HomeBundle): Row[] {
  return [
    ...derived.map((each): Row => ['derived', `${each.form}, ${bytes(each.bytes)}: ${each.folder}`]),
    ...plans.map(({ form, tensorrt, capabilities, bytes: taken, folder }): Row => {
      const gpus = capabilities.map((each) => `${each.slice(0, -1)}.${each.slice(-1)}`).join(', ')
      return [
        'plans',
        `${form}, TensorRT ${tensorrt}, compute capability ${gpus || 'none'}, ${bytes(taken)}: ${folder}`,
      ]
    }),
    ...repositories.map(
      ({ form, tensorrt, folder }): Row => ['repository', `${form}, TensorRT ${tensorrt}: ${folder}`],
    ),
    ['size', `${bytes(size)}, with all that was made of it ${bytes(allBytes)}`],
  ]
}
