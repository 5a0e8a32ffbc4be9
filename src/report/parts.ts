import { html, type Markup } from './html.ts'

/** Numbers stand right, text of files may be broken anywhere. */
type Column = string | { name: string; class: 'n' | 'path' }
type Cell = string | number | Markup

export function number(name: string): Column {
  return { name, class: 'n' }
}

export function path(name: string): Column {
  return { name, class: 'path' }
}

/** A table that scrolls by itself where the page is narrow. */
export function table(label: string, columns: readonly Column[], rows: readonly (readonly Cell[])[]): Markup {
  const kind = (i: number) => {
    const column = columns[i]
    return typeof column === 'object' && html` class="${column.class}"`
  }
  const row = (cells: readonly Cell[]) =>
    html`<tr>${cells.map((cell, i) =>
      i === 0 ? html`<th scope="row"${kind(i)}>${cell}</th>` : html`<td${kind(i)}>${cell}</td>`,
    )}</tr>
`
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0"><table>
<thead><tr>${columns.map((column, i) => html`<th scope="col"${kind(i)}>${typeof column === 'object' ? column.name : column}</th>`)}</tr></thead>
<tbody>
${rows.map(row)}</tbody></table></div>`
}

interface Figure {
  title: string
  chart: Markup
  legend?: Markup | undefined
  caption?: string | undefined
  /** The numbers of the chart, for those who cannot use a drawing. */
  numbers?: Markup | undefined
}

export function figure({ title, chart, legend, caption, numbers }: Figure): Markup {
  return html`<figure>
<h3>${title}</h3>
${legend}${chart}
${caption && html`<figcaption>${caption}</figcaption>`}
${numbers && html`<details><summary>Numbers</summary>${numbers}</details>`}
</figure>
`
}

interface LegendEntry {
  name: string
  series: string
  /** A line, broken like that in the chart, and no area. */
  line?: boolean
  dash?: string | undefined
}

export function legend(entries: readonly LegendEntry[]): Markup {
  return html`<ul class="legend">${entries.map(
    ({ name, series, line, dash }) =>
      html`<li><svg viewBox="0 0 18 12" aria-hidden="true">${
        line
          ? html`<path class="line ${series}"${dash && html` stroke-dasharray="${dash}"`} d="M0 6H18"/>`
          : html`<rect class="${series}" width="18" height="12" rx="2"/>`
      }</svg>${name}</li>`,
  )}</ul>`
}

/** Says where those that are not shown are. */
export function rest(shown: number, all: number, file: string): Markup | undefined {
  return all > shown ? html`<p class="soft">and ${all - shown} more: see <code>${file}</code></p>` : undefined
}
