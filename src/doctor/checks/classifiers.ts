import { classifiersOf } from '../../bundle/index.ts'
import { type Check, ok, warning } from '../finding.ts'

/** Those that VirNucPro has published. */
const LENGTHS = [300, 500]

export default {
  id: 'classifiers',
  title: 'Classifiers',
  about: 'for which chunk lengths the bundle has one: 300 and 500 are published',
  remedy: 'virnucpro setup',
  async examine({ bundle }) {
    const found = await bundle().catch(() => undefined)
    if (found === undefined) return undefined
    const lengths = classifiersOf(found.manifest).map(({ chunkLength }) => chunkLength)
    if (lengths.includes(undefined))
      return warning(
        'nobody has said for which chunk length the classifier was made',
        'virnucpro models import --mlp LENGTH=FILE',
      )
    const missing = LENGTHS.filter((length) => !lengths.includes(length))
    const text = `for chunks of ${lengths.join(' and ')} bases`
    if (missing.length === 0) return ok(text)
    const files = missing.map((length) => `--mlp ${length}=${length}_model.pth`)
    return warning(`${text}; none for ${missing.join(' and ')}`, `virnucpro setup ${files.join(' ')}`)
  },
} satisfies Check
