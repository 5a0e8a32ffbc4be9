/** A piece of a line. Those with high numbers go first when the line is too long. */
export interface Field {
  text: string
  /** What stands in its place in a narrow window. */
  brief?: string
  rank: number
  colour?: 'dim' | 'red'
}

export interface Row {
  label: string
  /** Filled share of a bar, 0 to 1; undefined for no bar. */
  bar?: number | undefined
  /** What is not known is left out. */
  fields: readonly (Field | false | undefined)[]
}

export interface Layout {
  columns: number
  /** Lines there is room for. */
  rows: number
  colours: boolean
}

const CODES = { dim: 2, red: 31, green: 32, bold: 1 } as const
const LABEL_GAP = 2
const NARROW = 50

/** Lines of at most `columns` - 1 cells, so that none ever wraps, and of no more than there is room for. */
export function layOut(rows: readonly Row[], { columns, rows: most, colours }: Layout): string[] {
  const room = Math.max(1, columns - 1)
  // In a narrow window every cell is needed for numbers, and names share their column's width less strictly.
  const labelWidth = Math.min(Math.max(...rows.map(({ label }) => width(label))), Math.floor(room / 2))
  const barWidth = columns < NARROW ? 0 : Math.min(20, Math.floor(columns / 6))
  const hasBars = rows.some(({ bar }) => bar !== undefined)
  const paint = (text: string, style: keyof typeof CODES) =>
    colours ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text
  const shown = rows.length <= most ? rows : [...rows.slice(0, Math.max(0, most - 2)), ...rows.slice(-1)]
  return shown.map(({ label, bar, fields }) => {
    const name = cut(label, labelWidth)
    let line = paint(name, 'bold') + ' '.repeat(labelWidth - width(name))
    let used = labelWidth
    if (barWidth > 0 && hasBars && bar !== undefined) {
      const filled = Math.round(barWidth * Math.max(0, Math.min(1, bar)))
      line += `  [${paint('#'.repeat(filled), 'green')}${' '.repeat(barWidth - filled)}]`
      used += barWidth + 4
    }
    const texts = fields
      .filter((field) => field !== undefined && field !== false)
      .map((field) => (columns < NARROW ? { ...field, text: field.brief ?? field.text } : field))
    for (const { text, colour } of fitting(texts, room - used)) {
      line += ' '.repeat(LABEL_GAP) + (colour === undefined ? text : paint(text, colour))
    }
    return line
  })
}

/** The fields that fit, in their order; the least important go first. */
function fitting(fields: readonly Field[], room: number): Field[] {
  const kept = [...fields]
  const length = () => kept.reduce((sum, { text }) => sum + LABEL_GAP + width(text), 0)
  while (kept.length > 0 && length() > room) {
    const worst = kept.reduce((most, field) => Math.max(most, field.rank), Number.NEGATIVE_INFINITY)
    kept.splice(
      kept.findLastIndex(({ rank }) => rank === worst),
      1,
    )
  }
  return kept
}

function width(text: string): number {
  return Bun.stringWidth(text)
}

/** The end of a name says more than its beginning: a port, a number. */
function cut(text: string, most: number): string {
  if (width(text) <= most) return text
  return most < 4 ? text.slice(0, most) : `..${text.slice(text.length - most + 2)}`
}
