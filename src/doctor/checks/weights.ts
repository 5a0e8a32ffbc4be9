import { access } from 'node:fs/promises'
import { type Check, ok, warning } from '../finding.ts'

export default {
  id: 'weights',
  title: 'Weight files',
  about: 'whether the weight files of the models still exist: models in other precisions are made from them',
  remedy: 'virnucpro models pull',
  async examine({ home }) {
    const { sources } = (await home().catch(() => undefined)) ?? {}
    if (sources === undefined) return undefined
    const paths = Object.values(sources)
    const there = await Promise.all(
      paths.map((path) =>
        access(path).then(
          () => true,
          () => false,
        ),
      ),
    )
    const gone = paths.filter((_, i) => there[i] === false)
    if (gone.length === 0) return ok(`all are there: ${paths.join(', ')}`)
    return warning(
      `${gone.join(' and ')} cannot be read: no other precision can be made from it`,
      this.remedy,
    )
  },
} satisfies Check
