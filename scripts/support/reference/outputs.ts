import { RunManifestSchema } from '../../../src/checkpoint/manifest.ts'
import { KINDS } from '../../../src/embed/units.ts'
import {
  FILES,
  type FileName,
  FOLDERS,
  SAMPLES_FILES,
  STATE_ABOUT,
  STATE_FILES,
} from '../../../src/layout/catalogue.ts'
import { COLUMNS, type Column, type TableName } from '../../../src/layout/columns.ts'
import {
  EndSchema,
  MEASURES,
  type Measure,
  type MetricsSample,
  SampleSchema,
  StartSchema,
  WarningSchema,
} from '../../../src/monitor/metrics.ts'
import { openMetrics } from '../../../src/monitor/openmetrics.ts'
import { CHUNKS, CONTIGS, GENERAL_COLUMNS } from '../../../src/report/multiqc.ts'
import { SummarySchema } from '../../../src/report/summary.ts'
import { fieldTable } from './fields.ts'
import { code, table } from './markdown.ts'

// Files of a run and what is in them, from the tables and schemas that write and read them.

/** When a file is there. */
function written(name: FileName): string {
  const { role, folder } = FILES[name]
  if (name === 'broadState') return 'always'
  if (name === 'demonstration') return 'with demonstration models'
  if (name === 'metrics' || name === 'openMetrics') return 'unless `--no-metrics`'
  if (folder === 'report') return 'unless `--no-report`'
  if (role === 'intermediate') return 'with `--keep-intermediate`'
  return role === 'about' || role === 'shared' ? 'where there is a line for it' : 'always'
}

const TYPES: Readonly<Record<Column['type'], string>> = {
  text: 'text',
  word: 'word',
  whole: 'whole number',
  decimal: 'number, four decimals',
  number: 'number',
  int32: 'int32',
  int64: 'int64',
  float32: 'float32',
}

export function outputContent(what: string): string | undefined {
  const [kind = '', of = ''] = what.split(' of ')
  if (kind === 'columns' && Object.hasOwn(COLUMNS, of)) return columnTable(of as TableName)
  return CONTENTS[what]?.()
}

const CONTENTS: Readonly<Record<string, () => string>> = {
  'files of a run': () =>
    table(
      ['file', 'what is in it', 'form', 'written'],
      Object.entries(FILES).map(([name, { about, form }]) => [
        pathsOf(name as FileName),
        linked(name, about),
        form,
        written(name as FileName),
      ]),
    ),
  'files of the state': () =>
    table(
      ['file', 'what is in it'],
      Object.entries(STATE_FILES).map(([name, template]) => [
        code(shown(template)),
        STATE_ABOUT[name as keyof typeof STATE_FILES],
      ]),
    ),
  'files of several samples': () =>
    table(
      ['file', 'what is in it'],
      [
        [code(SAMPLES_FILES.table), '[a line for each sample](#samplestsv)'],
        [code(`${SAMPLES_FILES.report}/report.html`), 'the page about all samples'],
        [code(`${SAMPLES_FILES.report}/${FILES.metrics.name}`), '[metrics](#metricsjsonl) of the whole run'],
        [
          code(`${SAMPLES_FILES.report}/${FILES.openMetrics.name}`),
          '[metrics](#metricsprom), the last sample',
        ],
        ['`SAMPLE/`', 'the files of a run, for each sample'],
      ],
    ),
  'columns of MultiQC': () =>
    table(
      ['file', 'column', 'meaning'],
      [
        ...CHUNKS.map(([key, name]) => [code(FILES.multiqcSection.name), code(key), `chunks: ${name}`]),
        ...CONTIGS.map(([key, name]) => [code(FILES.multiqcContigs.name), code(key), `contigs: ${name}`]),
        ...GENERAL_COLUMNS.map(([key, , meaning]) => [
          code(FILES.multiqcGeneral.name),
          code(key),
          meaning.charAt(0).toLowerCase() + meaning.slice(1),
        ]),
      ],
    ),
  'fields of summary.json': () => fieldTable(SummarySchema, 'summary.json'),
  'fields of run.json': () => fieldTable(RunManifestSchema, 'run.json'),
  'lines of metrics.jsonl': () =>
    [StartSchema, SampleSchema, WarningSchema, EndSchema]
      .map((schema) => `${fieldTable(schema, 'metrics.jsonl')}`)
      .join('\n'),
  'metrics for Prometheus': prometheusTable,
  'embeddings in Parquet': embeddingTable,
}

/** Where a file lies, in both layouts. */
function pathsOf(name: FileName): string {
  const file = FILES[name]
  const folder = file.folder === 'root' ? '' : `${shown(FOLDERS[file.folder])}/`
  const names = typeof file.name === 'string' ? [file.name] : [file.name.vanilla, file.name.broad]
  const paths = names.map((each) => code(folder + shown(each))).join('; with `--layout broad` ')
  return 'only' in file ? `${paths} with \`--layout ${file.only}\`` : paths
}

function shown(template: string): string {
  return template
    .replaceAll('{stem}', 'STEM')
    .replaceAll('{length}', 'LENGTH')
    .replaceAll(/\{part6?\}/g, 'N')
}

const SECTIONS: Readonly<Partial<Record<FileName, string>>> = {
  multiqcSection: 'multiqc',
  multiqcContigs: 'multiqc',
  multiqcGeneral: 'multiqc',
  metrics: 'metricsjsonl',
  openMetrics: 'metricsprom',
  summary: 'summaryjson',
}

/** With a link to its columns or fields, where this page has them. */
function linked(name: string, about: string): string {
  const file = FILES[name as FileName]
  const title = typeof file.name === 'string' ? shown(file.name) : shown(file.name.vanilla)
  const anchor = Object.hasOwn(COLUMNS, name)
    ? title.toLowerCase().replaceAll('.', '')
    : SECTIONS[name as FileName]
  return anchor === undefined ? about : `[${about}](#${anchor})`
}

function columnTable(name: TableName): string {
  const columns: readonly Column[] = COLUMNS[name]
  return table(
    ['column', 'type', 'meaning'],
    columns.map(({ name: column, type, unit, meaning, only }) => [
      code(column),
      TYPES[type] + (unit === undefined ? '' : ` of ${unit}`),
      only === undefined
        ? meaning
        : `${meaning}; ${only === 'broad' ? "only in Broad's layout" : `only with ${only}`}`,
    ]),
  )
}

/** From the text itself, of a sample in which everything is known. */
function prometheusTable(): string {
  const numbers = (measures: Readonly<Record<string, Measure>>) =>
    Object.fromEntries(Object.keys(measures).map((key) => [key, 1]))
  const sample = {
    ...{ kind: 'sample', time: '', seconds: 1, checkpointAgeSeconds: 1 },
    ...Object.fromEntries(Object.entries(MEASURES).map(([group, of]) => [group, numbers(of)])),
    models: { esm2: numbers(MEASURES.models), dnabert_s: numbers(MEASURES.models) },
    devices: [{ name: '', kind: 'gpu', ...numbers(MEASURES.devices), throttled: ['power'] }],
  } as unknown as MetricsSample
  const context = { program: '', backend: '', warnings: new Map([['idle', 1]] as const), secondsLeft: 1 }
  const families = openMetrics(sample, context).split('# TYPE ').slice(1)
  return table(
    ['metric', 'type', 'labels', 'meaning'],
    families.map((text) => {
      const [, type = '', help = '', name = '', labels = ''] =
        /^\S+ (\w+)\n# HELP \S+ (.*)\n(\w+)(?:\{(.*?)\})? /.exec(text) ?? []
      const keys = [...labels.matchAll(/(\w+)=/g)].map(([, key = '']) => code(key))
      return [code(name), type, keys.join(', '), help.replace(/\.$/, '')]
    }),
  )
}

/** Columns of `embed --output NAME.parquet`: those of every kind, and what each kind has of its own. */
function embeddingTable(): string {
  const kinds = Object.entries(KINDS)
  const all = new Map(kinds.flatMap(([, { columns }]) => columns).map((column) => [column.name, column]))
  const own = [...all.values()].map(({ name, type, meaning }) => {
    const of = kinds.filter(([, { columns }]) => columns.some((column) => column.name === name))
    return [
      code(name),
      of.map(([kind]) => code(kind)).join(', '),
      type === 'text' ? 'text' : 'int64',
      meaning,
    ]
  })
  return table(
    ['column', 'with `--of`', 'type', 'meaning'],
    [
      ['`id`', 'any', 'text', 'id of the frame, chunk or record, as in the tables of `predict`'],
      ...own,
      ['`model`', 'any', 'text', '`esm2` or `dnabert_s`; of two models each has a row'],
      ['`embedding`', 'any', 'list of float32', 'the embedding'],
    ],
  )
}
