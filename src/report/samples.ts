import { dirname } from 'node:path'
import { version } from '../../package.json' with { type: 'json' }
import { type ColumnName, columnNames, columnPlaces } from '../layout/index.ts'
import type { ResultsCounts } from '../results/index.ts'
import { integer, percent, plural } from '../text/numbers.ts'
import { shareBar } from './chart/shares.ts'
import { html, type Markup } from './html.ts'
import { legend, number, path, table } from './parts.ts'
import { OUTCOMES } from './sections/contigs.ts'
import { page } from './shell.ts'
import { readTable } from './tsv.ts'

/** A line of `samples.tsv`. */
export interface SampleRow {
  name: string
  files: number
  records: string
  frames: string
  calls: ResultsCounts | undefined
  viralChunks: string
  status: string
  reason: string
  /** Path of its table of contigs, seen from the folder of all samples; `NA` where it has none. */
  contigs: string
}

const AT = columnPlaces('samples')

/** @throws DataError when the table is damaged */
export async function readSamples(path: string): Promise<SampleRow[]> {
  const samples: SampleRow[] = []
  for await (const rows of readTable(path, columnNames('samples'))) samples.push(...rows.map(sampleOf))
  return samples
}

/** Where the report of a sample is, by the path of its table of contigs. */
export function reportFolderOf(contigs: string): string {
  return dirname(contigs).replace(/_results$/, '_report')
}

export interface Samples {
  /** Of their folder. */
  name: string
  samples: readonly SampleRow[]
  /** Addresses of their pages, seen from this one, by the paths of their tables of contigs. */
  reports: ReadonlyMap<string, string>
  /** Undefined but for demonstration models. */
  demonstration: string | undefined
}

/** The page of a start over several samples: what each came to, and where its own report is. */
export function samplesPage({ name, samples, reports, demonstration }: Samples): string {
  const troubled = samples.filter(({ status }) => status !== 'finished')
  return page({
    title: `${name}: VirNucPro samples`,
    version,
    header: html`<p class="soft">VirNucPro samples</p>
<h1>${name}</h1>
<p class="soft">${plural(samples.length, 'sample')}; virnucpro ${version}</p>
${demonstration && html`<p class="notice" role="note">${demonstration}</p>`}`,
    main: html`${warnings(troubled)}
${tiles(samples, total(samples))}
<h2>Samples</h2>
${sampleTable(samples, reports)}`,
    footer: html`Made from <code>samples.tsv</code>, which has a line for each sample; <code>virnucpro report</code> makes this page again, and those of the samples.${demonstration && ` ${demonstration}`}`,
  })
}

function sampleOf(cells: readonly string[]): SampleRow {
  const cell = (column: ColumnName<'samples'>) => cells[AT[column]] ?? ''
  const called = (column: keyof ResultsCounts) => Number(cell(column))
  const calls: ResultsCounts | undefined =
    cell('viral') === 'NA'
      ? undefined
      : {
          viral: called('viral'),
          non_viral: called('non_viral'),
          ambiguous: called('ambiguous'),
          uncalled: called('uncalled'),
        }
  return {
    ...{ name: cell('sample'), files: cell('files').split(';').length, calls },
    ...{ records: cell('records'), frames: cell('frames'), viralChunks: cell('viral_chunks') },
    ...{ status: cell('status'), reason: cell('reason'), contigs: cell('contigs') },
  }
}

function total(samples: readonly SampleRow[]): ResultsCounts {
  const sum = { viral: 0, non_viral: 0, ambiguous: 0, uncalled: 0 }
  for (const { calls } of samples)
    if (calls !== undefined) for (const [key] of OUTCOMES) sum[key] += calls[key]
  return sum
}

const STATUSES: Readonly<Record<string, string>> = {
  finished: 'finished',
  frames_failed: 'frames are missing',
  failed: 'failed',
}

function statusText(status: string): string {
  return STATUSES[status] ?? status
}

function warnings(troubled: readonly SampleRow[]): Markup {
  if (troubled.length === 0)
    return html`<p class="soft">Warnings: none about whole samples; the report of each has its own.</p>`
  return html`<h2>Warnings</h2>
<p>${plural(troubled.length, 'sample')} did not end well. The same command tries only what is missing.</p>
${table(
  'Samples that did not end well',
  ['Sample', 'Status', path('Reason')],
  troubled.map(({ name, status, reason }) => [name, statusText(status), reason]),
)}`
}

function tiles(samples: readonly SampleRow[], calls: ResultsCounts): Markup {
  const all = Object.values(calls).reduce((sum, count) => sum + count, 0)
  const tile = (series: string, name: string, value: number, note: string) =>
    html`<div class="tile ${series}">${name}<b>${integer(value)}</b><span class="soft">${note}</span></div>`
  const of = (key: keyof ResultsCounts) => `${percent(calls[key], all)} of ${plural(all, 'record')}`
  const withVirus = samples.filter((sample) => (sample.calls?.viral ?? 0) > 0).length
  return html`<section aria-label="Calls of all samples">
<div class="tiles">
${tile('viral', 'Samples with viral contigs', withVirus, `of ${plural(samples.length, 'sample')}`)}
${tile('viral', 'Viral contigs', calls.viral, of('viral'))}
${tile('ambiguous', 'Ambiguous contigs', calls.ambiguous, of('ambiguous'))}
${tile('others', 'Contigs not viral', calls.non_viral, of('non_viral'))}
${tile('none', 'Contigs without a call', calls.uncalled, of('uncalled'))}
</div>
</section>`
}

function sampleTable(samples: readonly SampleRow[], reports: ReadonlyMap<string, string>): Markup {
  const shown = (text: string) => (text === 'NA' ? '–' : integer(Number(text)))
  const rows = samples.map((sample) => {
    const { name, files, records, frames, calls, viralChunks, status, contigs } = sample
    const link = reports.get(contigs)
    const counts = OUTCOMES.map(([key]) => (calls === undefined ? '–' : integer(calls[key])))
    const shares = OUTCOMES.map(([key, noun, series]) => ({ name: noun, count: calls?.[key] ?? 0, series }))
    return [
      link === undefined
        ? name
        : html`<a href="${link.split('/').map(encodeURIComponent).join('/')}">${name}</a>`,
      ...[integer(files), shown(records), shown(frames), ...counts, shown(viralChunks)],
      statusText(status),
      calls === undefined ? '' : shareBar(shares),
    ]
  })
  return html`${legend(OUTCOMES.map(([, name, series]) => ({ name, series })))}
${table(
  'Samples',
  [
    path('Sample'),
    ...['Files', 'Records', 'Frames', ...OUTCOMES.map(([, name]) => `Contigs ${name}`), 'Viral chunks'].map(
      number,
    ),
    'Status',
    'Contigs',
  ],
  rows,
)}`
}
