import { printable } from '../system/printable.ts'
import type { Summary } from './summary.ts'

/**
 * MultiQC custom content, one row for this sample; MultiQC joins the rows of all samples it finds.
 * Source: https://docs.seqera.io/multiqc/custom_content
 *
 * @returns a section with a bar for each sample, and columns of the general statistics
 */
export function multiqcTables(summary: Summary): { section: string; general: string } {
  const { counts, demonstration } = summary
  const sample = cell(summary.name)
  const missing = counts.chunks - counts.chunksWithoutFrame - counts.calledChunks
  const about = `Chunks called by VirNucPro.${demonstration === undefined ? '' : ` ${demonstration}.`}`
  const share = counts.calledChunks === 0 ? '' : ((100 * counts.viralChunks) / counts.calledChunks).toFixed(4)
  return {
    section: text(
      [
        'id: virnucpro_calls',
        'section_name: VirNucPro',
        `description: ${JSON.stringify(about)}`,
        'plot_type: bargraph',
        'pconfig:',
        '  id: virnucpro_calls_plot',
        '  title: "VirNucPro: chunks"',
        '  ylab: chunks',
        'categories:',
        '  viral:',
        '    name: Viral',
        '    color: "#b3261e"',
        '  not_viral:',
        '    name: Not viral',
        '    color: "#4c8ac0"',
        '  no_open_frame:',
        '    name: Without an open frame',
        '    color: "#868d99"',
        '  missing:',
        '    name: Missing, not computed',
        '    color: "#8a5a00"',
      ],
      [
        ['Sample', 'viral', 'not_viral', 'no_open_frame', 'missing'],
        [
          sample,
          counts.viralChunks,
          counts.calledChunks - counts.viralChunks,
          counts.chunksWithoutFrame,
          missing,
        ],
      ],
    ),
    general: text(
      [
        'id: virnucpro_general_stats',
        'plot_type: generalstats',
        'pconfig:',
        ...[
          ['viral_chunks', 'Viral', 'Chunks called viral', '{:,.0f}', 'Reds'],
          ['viral_percent', '% viral', 'Share of the called chunks that is viral', '{:,.2f}', 'Reds'],
          ['called_chunks', 'Called', 'Chunks with an open frame', '{:,.0f}', 'Blues'],
          ['records', 'Records', 'Records read', '{:,.0f}', 'Greys'],
        ].flatMap(([id, title, description, format, scale]) => [
          `  - ${id}:`,
          `      title: ${JSON.stringify(title)}`,
          `      description: ${JSON.stringify(`VirNucPro: ${description}`)}`,
          `      format: ${JSON.stringify(format)}`,
          `      scale: ${scale}`,
          '      min: 0',
          ...(id === 'viral_percent' ? ['      max: 100', '      suffix: "%"'] : []),
        ]),
      ],
      [
        ['Sample', 'viral_chunks', 'viral_percent', 'called_chunks', 'records'],
        [sample, counts.viralChunks, share, counts.calledChunks, counts.records],
      ],
    ),
  }
}

function text(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [...header.map((line) => `# ${line}`), ...rows.map((row) => row.join('\t'))]
  return `${lines.join('\n')}\n`
}

/** A sample may be named anything its file can be named. */
function cell(name: string): string {
  return printable(name)
}
