import { integer } from '../../text/numbers.ts'
import { html, type Markup } from '../html.ts'

interface Share {
  name: string
  count: number
  series: string
}

/** A bar as wide as its place that is divided as a whole is; hidden from screen readers, for whom the numbers stand beside it. */
export function shareBar(shares: readonly Share[]): Markup {
  const total = shares.reduce((sum, { count }) => sum + count, 0)
  let left = 0
  const parts = shares.flatMap(({ name, count, series }) => {
    if (count === 0) return []
    const x = left
    const width = (1000 * count) / total
    left += width
    return html`<rect class="${series}" x="${x.toFixed(1)}" y="0" width="${Math.max(2, width).toFixed(1)}" height="10"><title>${name}: ${integer(count)}</title></rect>`
  })
  return html`<svg class="share" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="none" width="1000" height="10"/>${parts}</svg>`
}
