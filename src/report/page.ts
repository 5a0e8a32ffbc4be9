import { duration } from '../text/numbers.ts'
import type { Calls } from './calls.ts'
import { resetIds } from './chart/frame.ts'
import type { Contigs } from './contigs.ts'
import { html, Markup } from './html.ts'
import { inputs, settings, steps, warnings } from './sections/about.ts'
import { contigTable, scriptDigest } from './sections/contigs.ts'
import { course } from './sections/course.ts'
import { distributions } from './sections/distributions.ts'
import { reading } from './sections/reading.ts'
import { perInput, verdict } from './sections/verdict.ts'
import style from './style.css' with { type: 'text' }
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
  return `${html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src ${new Markup(scriptDigest())}; img-src data:">
<meta name="generator" content="virnucpro ${program.version}">
<title>${name}: VirNucPro report</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
<header>
<p class="soft">VirNucPro report</p>
<h1>${name}</h1>
<p class="soft">${outcome === 'finished' ? 'Finished' : 'Ended with failed parts'} ${moment(time.end)} after ${duration(time.seconds)}${time.continued && ', continuing an interrupted run'}; ${models.name}, ${models.backend}; ${program.name} ${program.version}</p>
${demonstration && html`<p class="notice" role="note">${demonstration}</p>`}
${outcome === 'failed-parts' && html`<p class="notice" role="note">Some frames could not be computed and are missing from the tables: see the warnings.</p>`}
</header>
<main>
${warnings(summary, timeline)}
${verdict(summary, contigs)}
${contigTable(summary, contigs, tracks)}
${reading()}
${perInput(summary, calls, contigs, tracks)}
${distributions(summary, calls, contigs)}
${course(summary, timeline)}
${inputs(summary)}
<h2>How it was made</h2>
<div class="columns">
${steps(summary)}
${settings(summary)}
</div>
</main>
<footer class="soft">Made by ${program.name} ${program.version} from <code>summary.json</code>, the metrics and the tables beside it; <code>virnucpro report</code> makes it again.${demonstration && ` ${demonstration}`}</footer>
</body>
</html>`}\n`
}

/** `2026-11-24 10:14 UTC` of an ISO time. */
function moment(time: string): string {
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*$/, '$1 $2 UTC')
}
