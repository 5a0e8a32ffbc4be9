/** What a bundle holds. Usage: bun open-bundle.ts [BUNDLE] */
import { openBundle } from 'virnucpro'
import { classifiersOf, MODEL_NAMES, MODELS } from 'virnucpro/models'

const { digest, manifest } = await openBundle(process.argv[2] ?? 'demo')
console.log(digest)
for (const name of MODEL_NAMES) console.log(MODELS[name].label, manifest.models[name].dimension)
for (const { chunkLength } of classifiersOf(manifest))
  console.log('classifier for chunks of', chunkLength ?? 'any length')
