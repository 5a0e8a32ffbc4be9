import { expect, test } from 'bun:test'
import { readFile, writeFile } from 'node:fs/promises'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasMultiqc, multiqc } from '../../support/multiqc.ts'
import { runDemo, summaryOf } from './support.ts'

test.skipIf(!hasMultiqc)(
  'MultiQC shows the samples of two runs in its section and its general statistics',
  async () => {
    await using folder = temporaryFolder()
    const other = folder.join('other sample.fa')
    await writeFile(other, `>a\n${'ACG'.repeat(200)}\n>b\n${'TTAACTAACTAA'.repeat(30)}\n`)
    await runDemo(folder.join('out'))
    await runDemo(folder.join('out', 'below'), [other])
    const child = Bun.spawn(
      [
        multiqc,
        '--no-ansi',
        '--strict',
        '--data-format',
        'json',
        '--outdir',
        folder.join('multiqc'),
        folder.join('out'),
      ],
      {
        stdout: 'pipe',
        stderr: 'pipe',
        env: { ...process.env, MULTIQC_NO_VERSION_CHECK: '1', HOME: folder.path },
      },
    )
    const said = await new Response(child.stderr).text()
    expect({ said, code: await child.exited }).toMatchObject({ code: 0 })
    const data = JSON.parse(
      await readFile(folder.join('multiqc', 'multiqc_data', 'multiqc_data.json'), 'utf8'),
    )
    const of = async (report: string) => {
      const { counts } = await summaryOf(folder.join('out', report))
      const contigs = await callsOf(folder.join('out', report.replace(/_report$/, '_results'), 'contigs.tsv'))
      return {
        general: {
          viral_chunks: counts.viralChunks,
          viral_percent: expect.closeTo((100 * counts.viralChunks) / counts.calledChunks, 3),
          called_chunks: counts.calledChunks,
          records: counts.records,
          viral_contigs: contigs.viral,
          ambiguous_contigs: contigs.ambiguous,
        },
        contigs,
        section: {
          viral: counts.viralChunks,
          not_viral: counts.calledChunks - counts.viralChunks,
          no_open_frame: counts.chunksWithoutFrame,
          missing: 0,
        },
      }
    }
    const [first, second] = [await of('contigs_report'), await of('below/other sample_report')]
    expect(second.section.no_open_frame).toBeGreaterThan(0)
    expect(data.report_general_stats_data.custom_content).toEqual({
      contigs: first.general,
      'other sample': second.general,
    })
    const saved = data.report_saved_raw_data.multiqc_virnucpro_calls_plot
    expect(saved).toEqual({ contigs: first.section, 'other sample': second.section })
    expect(data.report_saved_raw_data.multiqc_virnucpro_contigs_plot).toEqual({
      contigs: first.contigs,
      'other sample': second.contigs,
    })
    const plot = JSON.stringify(data.report_plot_data.virnucpro_calls_plot)
    for (const word of ['Viral', 'Without an open frame', '179,38,30']) expect(plot).toContain(word)
    const page = await readFile(folder.join('multiqc', 'multiqc_report.html'), 'utf8')
    expect(page).toContain('id="virnucpro_calls_plot"')
    expect(page).toContain('id="virnucpro_contigs_plot"')
    expect(page).toContain('these calls mean nothing')
  },
)

/** How many rows of a table of contigs have which call. */
async function callsOf(path: string): Promise<Record<string, number>> {
  const counts = { viral: 0, ambiguous: 0, non_viral: 0, uncalled: 0 }
  for (const line of (await readFile(path, 'utf8')).trimEnd().split('\n').slice(2)) {
    const call = line.split('\t')[9] as keyof typeof counts
    counts[call in counts ? call : 'uncalled']++
  }
  return counts
}
