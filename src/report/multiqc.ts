import { printable } from '../system/printable.ts'
import { chunkCounts, type Summary } from './summary.ts'

/** What a chunk may be: key, name and colour. */
const CATEGORIES = [
  ['viral', 'Viral', '#b3261e'],
  ['not_viral', 'Not viral', '#4c8ac0'],
  ['no_open_frame', 'Without an open frame', '#868d99'],
  ['missing', 'Missing, not computed', '#8a5a00'],
] as const

/** Columns of the general statistics: key, title, description, format, colours and what else there is. */
const COLUMNS = [
  ['viral_chunks', 'Viral', 'Chunks called viral', '{:,.0f}', 'Reds'],
  [
    'viral_percent',
    '% viral',
    'Share of the called chunks that is viral',
    '{:,.2f}',
    'Reds',
    'max: 100',
    'suffix: "%"',
  ],
  ['called_chunks', 'Called', 'Chunks with an open frame', '{:,.0f}', 'Blues'],
  ['records', 'Records', 'Records read', '{:,.0f}', 'Greys'],
] as const

/**
 * MultiQC custom content, one row for this sample; MultiQC joins the rows of all samples it finds.
 * Source: https://docs.seqera.io/multiqc/custom_content
 *
 * @returns a section with a bar for each sample, and columns of the general statistics
 */
export function multiqcTables(summary: Summary): { multiqcSection: string; multiqcGeneral: string } {
  const { counts, demonstration } = summary
  const { viral, others, withoutFrame, missing } = chunkCounts(counts)
  const about = `Chunks called by VirNucPro.${demonstration === undefined ? '' : ` ${demonstration}.`}`
  const share = counts.calledChunks === 0 ? '' : ((100 * viral) / counts.calledChunks).toFixed(4)
  const categories = CATEGORIES.flatMap(([key, name, colour]) => [
    `  ${key}:`,
    `    name: ${name}`,
    `    color: "${colour}"`,
  ])
  const columns = COLUMNS.flatMap(([key, title, description, format, scale, ...more]) => [
    `  - ${key}:`,
    `      title: ${JSON.stringify(title)}`,
    `      description: ${JSON.stringify(`VirNucPro: ${description}`)}`,
    `      format: ${JSON.stringify(format)}`,
    `      scale: ${scale}`,
    '      min: 0',
    ...more.map((line) => `      ${line}`),
  ])
  // A sample may be named anything its file can be named.
  const row = (cells: readonly (string | number)[]) => [printable(summary.name), ...cells].join('\t')
  const text = (header: readonly string[], table: typeof CATEGORIES | typeof COLUMNS, cells: string) =>
    `${[...header.map((line) => `# ${line}`), ['Sample', ...table.map(([key]) => key)].join('\t'), cells].join('\n')}\n`
  const section = [
    'id: virnucpro_calls',
    'section_name: VirNucPro',
    `description: ${JSON.stringify(about)}`,
    'plot_type: bargraph',
    'pconfig:',
    '  id: virnucpro_calls_plot',
    '  title: "VirNucPro: chunks"',
    '  ylab: chunks',
    'categories:',
    ...categories,
  ]
  const general = ['id: virnucpro_general_stats', 'plot_type: generalstats', 'pconfig:', ...columns]
  return {
    multiqcSection: text(section, CATEGORIES, row([viral, others, withoutFrame, missing])),
    multiqcGeneral: text(general, COLUMNS, row([viral, share, counts.calledChunks, counts.records])),
  }
}
