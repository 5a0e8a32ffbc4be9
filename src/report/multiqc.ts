import type { ResultsCounts } from '../results/index.ts'
import { printable } from '../system/printable.ts'
import { chunkCounts, type Summary } from './summary.ts'

type Category = readonly [key: string, name: string, colour: string]

/** What a chunk may be. */
export const CHUNKS: readonly Category[] = [
  ['viral', 'Viral', '#b3261e'],
  ['not_viral', 'Not viral', '#4c8ac0'],
  ['no_open_frame', 'Without an open frame', '#868d99'],
  ['missing', 'Missing, not computed', '#8a5a00'],
]

/** What a contig may be. */
export const CONTIGS = [
  ['viral', 'Viral', '#b3261e'],
  ['ambiguous', 'Ambiguous', '#8a6d00'],
  ['non_viral', 'Not viral', '#4c8ac0'],
  ['uncalled', 'Without a call', '#868d99'],
] as const satisfies (Category & { 0: keyof ResultsCounts })[]

/** Columns of the general statistics: key, title, description, format, colours and what else there is. */
export const GENERAL_COLUMNS = [
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
  ['viral_contigs', 'Viral contigs', 'Contigs called viral', '{:,.0f}', 'Reds'],
  ['ambiguous_contigs', 'Ambiguous contigs', 'Contigs called ambiguous', '{:,.0f}', 'Oranges'],
] as const

/**
 * MultiQC custom content, one row for this sample; MultiQC joins the rows of all samples it finds.
 * Source: https://docs.seqera.io/multiqc/custom_content
 *
 * @param contigs - how many were called what; undefined where the run has no table of them
 * @returns sections with a bar for each sample, and columns of the general statistics
 */
export function multiqcTables(
  summary: Summary,
  contigs: ResultsCounts | undefined,
): { multiqcSection: string; multiqcContigs: string | undefined; multiqcGeneral: string } {
  const { counts } = summary
  const { viral, others, withoutFrame, missing } = chunkCounts(counts)
  const share = counts.calledChunks === 0 ? '' : ((100 * viral) / counts.calledChunks).toFixed(4)
  const cells = [viral, share, counts.calledChunks, counts.records]
  const ofContigs = [contigs?.viral ?? '', contigs?.ambiguous ?? '']
  return {
    multiqcSection: section(summary, 'calls', 'chunks', CHUNKS, [viral, others, withoutFrame, missing]),
    multiqcContigs:
      contigs &&
      section(
        summary,
        'contigs',
        'contigs',
        CONTIGS,
        CONTIGS.map(([key]) => contigs[key]),
      ),
    multiqcGeneral: table(summary, generalHeader(), GENERAL_COLUMNS, [...cells, ...ofContigs]),
  }
}

/** A bar graph of its own. */
function section(
  summary: Summary,
  id: string,
  noun: string,
  categories: readonly Category[],
  cells: readonly number[],
): string {
  const { demonstration } = summary
  const title = noun[0]?.toUpperCase() + noun.slice(1)
  const about = `${title} called by VirNucPro.${demonstration === undefined ? '' : ` ${demonstration}.`}`
  const header = [
    `id: virnucpro_${id}`,
    `section_name: ${noun === 'chunks' ? 'VirNucPro' : `"VirNucPro: ${noun}"`}`,
    `description: ${JSON.stringify(about)}`,
    'plot_type: bargraph',
    'pconfig:',
    `  id: virnucpro_${id}_plot`,
    `  title: "VirNucPro: ${noun}"`,
    `  ylab: ${noun}`,
    'categories:',
    ...categories.flatMap(([key, name, colour]) => [
      `  ${key}:`,
      `    name: ${name}`,
      `    color: "${colour}"`,
    ]),
  ]
  return table(summary, header, categories, cells)
}

function generalHeader(): string[] {
  const columns = GENERAL_COLUMNS.flatMap(([key, title, description, format, scale, ...more]) => [
    `  - ${key}:`,
    `      title: ${JSON.stringify(title)}`,
    `      description: ${JSON.stringify(`VirNucPro: ${description}`)}`,
    `      format: ${JSON.stringify(format)}`,
    `      scale: ${scale}`,
    '      min: 0',
    ...more.map((line) => `      ${line}`),
  ])
  return ['id: virnucpro_general_stats', 'plot_type: generalstats', 'pconfig:', ...columns]
}

function table(
  { name }: Summary,
  header: readonly string[],
  columns: readonly (readonly [key: string, ...unknown[]])[],
  cells: readonly (string | number)[],
): string {
  const keys = ['Sample', ...columns.map(([key]) => key)].join('\t')
  // A sample may be named anything its file can be named.
  const row = [printable(name), ...cells].join('\t')
  return `${[...header.map((line) => `# ${line}`), keys, row].join('\n')}\n`
}
