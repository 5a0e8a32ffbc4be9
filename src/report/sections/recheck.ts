import { PRECISION_NAMES, precisionFacts } from '../../bundle/index.ts'
import { integer, plural } from '../../text/numbers.ts'
import { html, type Markup } from '../html.ts'
import { number, table } from '../parts.ts'
import type { Summary } from '../summary.ts'

/** What was computed in two precisions, and how far they were apart; nothing for a run in one. */
export function recheck({ recheck: found, counts }: Summary): Markup {
  if (found === undefined) return html``
  const { quantized, partner, calibration, rechecked, audited, beyond, classes } = found
  const share = counts.scoredFrames === 0 ? 0 : (100 * rechecked) / counts.scoredFrames
  const rows = classes.map(({ upTo, bound, frames, largest, exceeded }) => [
    `up to ${integer(upTo)} tokens`,
    integer(frames),
    frames === 0 ? '' : largest.toPrecision(3),
    bound.toPrecision(3),
    exceeded ? `all are computed in ${labelOf(partner)}` : '',
  ])
  const longer = beyond > 0 && `, ${plural(beyond, 'frame')} for being longer than all that was measured`
  return html`<h2>Recheck</h2>
<p>${labelOf(quantized)}, rechecked in ${labelOf(partner)}: ${integer(rechecked)} of ${plural(counts.scoredFrames, 'frame')} (${share.toFixed(1)} %), ${integer(audited)} of them to compare${longer}. Calls equal those of ${labelOf(partner)} within the bound, which is ${calibration.factor} times the largest difference among ${plural(calibration.frames, 'frame')}.</p>
${table('Logits in both precisions', ['Frames', number('Rechecked'), number('Largest difference'), number('Bound'), 'Remarks'], rows)}
`
}

function labelOf(precision: string): string {
  const name = PRECISION_NAMES.find((each) => each === precision)
  return name === undefined ? precision : precisionFacts(name).label
}
