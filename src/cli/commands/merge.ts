import { option, pick, section, settings, text } from '../../settings/index.ts'
import { UsageError } from '../../system/errors.ts'
import { requireFolder, requirePaths } from '../arguments.ts'
import { command } from '../command.ts'

export default command({
  usage: ['DIR [DIR …] --output-dir DIR --manifest FILE [OPTIONS]', 'DIR [DIR …] --output-dir DIR [OPTIONS]'],
  examples: [
    [
      'Merge the runs over the shards of an input:',
      'merge run-1 run-2 run-3 --manifest shards/shards.json --output-dir merged',
    ],
    ['Merge runs over several inputs:', 'merge run-a run-b --output-dir both'],
  ],
  notes: [
    'DIR is the output folder of one or more finished runs, or a folder of such folders. With `--manifest` they are those over the shards of an input, in any order.',
    'Without it each is over inputs of its own, which are read again: the whole is then the run over all of them, in the order of the folders.',
  ],
  words: 'more',
  completes: 'folders',
  exits:
    '`65` runs are not finished, missing, of another kind or changed; `66` a folder without a run; `73`, `74` the results cannot be made or written; `75` a run or another `merge` works in the output folder',
  options: section('Results', {
    outputDir: option(text('DIR'), 'folder of the results', { short: 'o', required: true }),
    manifest: option(text('FILE'), '`shards.json` of `virnucpro shard`, with the shards beside it'),
    prefix: settings.prefix,
    ...pick(settings, 'report', 'force'),
  }),
  check({ words }) {
    if (words.length === 0) throw new UsageError('no run: name the output folders of runs')
  },
  async run({ args: { outputDir, manifest, prefix, report, force }, words, logger, signal }) {
    for (const folder of words) await requireFolder(folder)
    await requirePaths([['the list of shards', manifest]])
    const { mergeRuns } = await import('../../shards/index.ts')
    await mergeRuns({ folders: words, outputDir, manifest, prefix, report, force }, { logger, signal })
  },
})
