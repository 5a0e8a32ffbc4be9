import { classifiersOf } from '../../bundle/index.ts'
import { type Check, ok, warning } from '../finding.ts'

/** Those that VirNucPro has published. */
const LENGTHS = [300, 500]

export default {
  id: 'classifiers',
  title: 'Classifiers',
  about: 'the chunk lengths that the bundle has classifiers for; those for 300 and 500 are published',
  remedy: 'virnucpro setup',
  async examine({ bundle }) {
    const found = await bundle().catch(() => undefined)
    if (found === undefined) return undefined
    const lengths = classifiersOf(found.manifest).map(({ chunkLength }) => chunkLength)
    if (lengths.includes(undefined))
      return warning(
        'the chunk length of the classifier is not known',
        'virnucpro models import --mlp LENGTH=FILE',
      )
    const missing = LENGTHS.filter((length) => !lengths.includes(length))
    const text = `for chunks of ${lengths.join(' and ')} bases`
    if (missing.length === 0) return ok(text)
    const files = missing.map((length) => `--mlp ${length}=${length}_model.pth`)
    return warning(`${text}; none for ${missing.join(' and ')}`, `virnucpro setup ${files.join(' ')}`)
  },
} satisfies Check
