import { duration } from '../text/numbers.ts'
import type { Calls } from './calls.ts'
import { resetIds } from './chart/frame.ts'
import type { Contigs } from './contigs.ts'
import { html } from './html.ts'
import { inputs, settings, steps, warnings } from './sections/about.ts'
import { contigTable, scriptDigest } from './sections/contigs.ts'
import { course } from './sections/course.ts'
import { distributions } from './sections/distributions.ts'
import { reading } from './sections/reading.ts'
import { recheck } from './sections/recheck.ts'
import { perInput, verdict } from './sections/verdict.ts'
import { page } from './shell.ts'
import type { Summary } from './summary.ts'
import type { Timeline } from './timeline.ts'
import type { Tracks } from './tracks.ts'

/** What the page shows besides the summary. */
export interface Findings {
  calls: Calls
  /** Undefined where the run has no table of contigs. */
  contigs: Contigs | undefined
  tracks: Tracks | undefined
  /** Undefined where the run wrote no metrics. */
  timeline: Timeline | undefined
}

/** The whole page: no request, no script and no font from elsewhere. The same facts give the same bytes. */
export function reportPage(summary: Summary, { calls, contigs, tracks, timeline }: Findings): string {
  resetIds()
  const { name, program, models, time, outcome, demonstration } = summary
  return page({
    title: `${name}: VirNucPro report`,
    version: program.version,
    script: scriptDigest(),
    header: html`<p class="soft">VirNucPro report</p>
<h1>${name}</h1>
<p class="soft">${outcome === 'finished' ? 'Finished' : 'Ended with failed parts'} ${moment(time.end)} after ${duration(time.seconds)}${time.continued && ', continuing an interrupted run'}; ${models.name}, ${models.backend}; ${program.name} ${program.version}</p>
${demonstration && html`<p class="notice" role="note">${demonstration}</p>`}
${outcome === 'failed-parts' && html`<p class="notice" role="note">Some frames could not be computed and are missing from the tables: see the warnings.</p>`}`,
    main: html`${warnings(summary, timeline)}
${verdict(summary, contigs)}
${contigTable(summary, contigs, tracks)}
${reading()}
${perInput(summary, calls, contigs, tracks)}
${distributions(summary, calls, contigs)}
${recheck(summary)}
${course(summary, timeline)}
${inputs(summary)}
<h2>How it was made</h2>
<div class="columns">
${steps(summary)}
${settings(summary)}
</div>`,
    footer: html`Made by ${program.name} ${program.version} from <code>summary.json</code>, the metrics and the tables beside it; <code>virnucpro report</code> makes it again.${demonstration && ` ${demonstration}`}`,
  })
}

/** `2026-11-24 10:14 UTC` of an ISO time. */
function moment(time: string): string {
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*$/, '$1 $2 UTC')
}
