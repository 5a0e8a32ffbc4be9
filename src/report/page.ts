import { duration } from '../text/numbers.ts'
import type { Calls } from './calls.ts'
import { resetIds } from './chart/frame.ts'
import { html, Markup } from './html.ts'
import { inputs, settings, steps, warnings } from './sections/about.ts'
import { course } from './sections/course.ts'
import { distributions } from './sections/distributions.ts'
import { callsPerInput, verdict } from './sections/verdict.ts'
import style from './style.css' with { type: 'text' }
import type { Summary } from './summary.ts'
import type { Timeline } from './timeline.ts'

/**
 * The whole page: no script, no request, no font from elsewhere. The same facts give the same bytes.
 * @param timeline - undefined where the run wrote no metrics
 */
export function reportPage(summary: Summary, calls: Calls, timeline: Timeline | undefined): string {
  resetIds()
  const { name, program, models, time, outcome, demonstration } = summary
  return `${html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
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
${verdict(summary)}
${distributions(summary, calls)}
${callsPerInput(summary, calls)}
${course(summary, timeline)}
${warnings(summary, timeline)}
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
