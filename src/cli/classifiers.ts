import * as v from 'valibot'
import { publishedLength } from '../bundle/index.ts'
import type { ClassifierFiles } from '../import/index.ts'
import { option, text } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'

/** A classifier file as the command line names it. */
export interface NamedClassifier {
  readonly path: string
  readonly chunkLength?: number
}

/** `500=FILE`, or FILE. A file of such a name is named with its folder: `./500=FILE`. */
const named = v.pipe(
  text('FILE').schema,
  v.transform((value): NamedClassifier => {
    const [, length, file] = /^(\d+)=(.+)$/s.exec(value) ?? []
    return length === undefined || file === undefined
      ? { path: value }
      : { path: file, chunkLength: Number(length) }
  }),
  v.check(
    ({ chunkLength = 1 }) => chunkLength >= 1 && Number.isSafeInteger(chunkLength),
    'expected the chunk length in bases before =',
  ),
)

/** `--mlp`, of every command that makes or changes a bundle. */
export const mlpOption = option(
  { hint: '[LENGTH=]FILE', schema: v.array(named) },
  'classifier: `300_model.pth`, `500_model.pth` or your own, with the [chunk length](reference/models.md#chunk-length) it was made for (`500=FILE`); repeat it for several',
  { many: true, brief: 'classifier, with its chunk length; repeat it for several' },
)

/**
 * What an import is given for the classifiers that were named.
 *
 * @throws UsageError for two of one length, and where several are named for one of unknown length
 */
export function classifierFiles(classifiers: readonly NamedClassifier[]): {
  mlp: ClassifierFiles
  chunkLength?: number
} {
  const different = new Map(classifiers.map((each) => [`${each.chunkLength}=${each.path}`, each]))
  const [first, ...more] = different.values()
  if (first === undefined) throw new UsageError('--mlp is missing')
  if (more.length === 0) {
    const { path, chunkLength } = first
    return { mlp: path, ...(chunkLength !== undefined && { chunkLength }) }
  }
  const byLength: Record<number, string> = {}
  for (const { path, chunkLength = publishedLength(path) } of [first, ...more]) {
    if (chunkLength === undefined)
      throw new UsageError(
        `--mlp ${path}: with several classifiers the chunk length of each is needed: --mlp LENGTH=FILE`,
      )
    const other = byLength[chunkLength]
    if (other !== undefined && other !== path)
      throw new UsageError(
        `--mlp: ${other} and ${path} are both for chunks of ${chunkLength} bases; keep one`,
      )
    byLength[chunkLength] = path
  }
  return { mlp: byLength }
}
