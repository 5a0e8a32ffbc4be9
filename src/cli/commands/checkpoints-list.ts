import { relative } from 'node:path'
import type { OwnRun } from '../../checkpoint/index.ts'
import type { LegacyFile } from '../../legacy/index.ts'
import { printable, printableJson } from '../../system/printable.ts'
import { columns } from '../../text/columns.ts'
import { command, RUN_FOLDER } from '../command.ts'
import { jsonOutput } from '../json.ts'

export default command({
  usage: ['DIR [--json]'],
  examples: [['List the checkpoint files of a run of the original:', 'checkpoints list results']],
  words: RUN_FOLDER,
  exits: '`66` no such folder; `75` a run goes on there',
  options: jsonOutput,
  async run({ args, word: folder, logger, signal }) {
    const { listOwnRuns } = await import('../../checkpoint/index.ts')
    const { readFolder, scanFolder } = await import('../../legacy/index.ts')
    const files: LegacyFile[] = []
    for await (const { file } of readFolder(await scanFolder(folder), signal)) files.push(file)
    process.stdout.write(args.json ? asJson(files) : asTable(files, folder))
    const runs = await listOwnRuns(folder)
    for (const run of runs) logger.info(describe(run))
    if (files.length === 0)
      logger.info(`${folder}: no checkpoints found${runs.length > 0 ? ' of other programs' : ''}`)
  },
})

/** The state of our own runs is a journal, not a list of files. */
function describe({ stem, status, inputs }: OwnRun): string {
  switch (status) {
    case 'finished':
      return `${stem}: a finished run of ${inputs.join(', ')}; the same command computes nothing again`
    case 'unfinished':
      return `${stem}: an unfinished run of ${inputs.join(', ')}; the same command continues it`
    case 'unknown':
      return `${stem}: the state of a run that cannot be read; --force starts it over`
  }
}

/** Ids are counted, not printed: a part has 10,000. */
function asJson(files: readonly LegacyFile[]): string {
  const rows = files.map(({ ids, ...file }) => ({
    ...file,
    kind: file.kind ?? null,
    part: file.part ?? null,
    status: file.status ?? null,
    problem: file.problem ?? null,
    ids: ids.length,
  }))
  return `${printableJson(rows, 2)}\n`
}

const HEADER = ['KIND', 'LAYOUT', 'PART', 'IDS', 'DIM', 'VERSION', 'STATUS', 'DONE', 'STATE', 'FILE']

function asTable(files: readonly LegacyFile[], folder: string): string {
  const rows = files.map((file) => [
    file.kind ?? '-',
    file.layout,
    String(file.part ?? '-'),
    String(file.ids.length),
    String(file.dim),
    file.version,
    file.status ?? '-',
    file.done ? 'yes' : 'no',
    stateOf(file),
    printable(relative(folder, file.path)),
  ])
  if (rows.length === 0) return ''
  return `${columns([HEADER, ...rows]).join('\n')}\n`
}

function stateOf({ problem, damaged }: LegacyFile): string {
  if (problem === undefined) return 'whole'
  return damaged ? 'damaged' : 'refused'
}
