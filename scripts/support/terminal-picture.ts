import { COLOURS, escaped, type Scheme } from './schemes.ts'

const CELL = { width: 8, height: 18 }
const MARGIN = 12
const FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"

const ESCAPE = '\x1b['
/** Codes of colours, kept when a line is split at them. */
const CODES = new RegExp(`(${ESCAPE.replace('[', '\\[')}[\\d;]*m)`)

/** Colours that the program prints, by their codes. */
const PAINT: Readonly<Record<string, Record<Scheme, string>>> = {
  '31': { light: '#b3261e', dark: '#ff7a66' },
  '32': { light: '#2c7d4f', dark: '#5cc98b' },
  '33': { light: '#7a4b00', dark: '#ffd98a' },
}

/** A screen with the codes of its colours as a picture. */
export function terminalPicture(screen: string, scheme: Scheme): string {
  const { card, edge, ink } = COLOURS[scheme]
  const lines = screen.split('\n').map((line) => line.trimEnd())
  const columns = Math.max(...lines.map((line) => Bun.stringWidth(line)))
  const width = 2 * MARGIN + CELL.width * columns
  const height = 2 * MARGIN + CELL.height * lines.length
  const texts = lines.flatMap((line, row) => drawnLine(line, row, scheme))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="${FONT}" font-size="13" fill="${ink}">
<title>The display of a run of the demonstration</title>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="${card}" stroke="${edge}"/>
${texts.join('\n')}
</svg>
`
}

/** The words of a line, each run of one look at the place of its cells, whatever font shows it. */
function drawnLine(line: string, row: number, scheme: Scheme): string[] {
  const found: string[] = []
  let [column, look] = [0, '']
  for (const piece of line.split(CODES)) {
    const codes = piece.startsWith(ESCAPE) ? piece.slice(ESCAPE.length, -1) : undefined
    if (codes !== undefined) {
      look = lookAfter(look, codes.split(';'), scheme)
      continue
    }
    for (const { 0: words, index } of piece.matchAll(/\S+(?: \S+)*/g)) {
      const x = MARGIN + CELL.width * (column + Bun.stringWidth(piece.slice(0, index)))
      const length = CELL.width * Bun.stringWidth(words)
      const y = MARGIN + CELL.height * (row + 0.75)
      found.push(`<text x="${x}" y="${y}" textLength="${length}"${look}>${escaped(words)}</text>`)
    }
    column += Bun.stringWidth(piece)
  }
  return found
}

/** Attributes for what follows some codes; without a number, or with 0, all looks end. */
function lookAfter(before: string, codes: readonly string[], scheme: Scheme): string {
  let look = before
  for (const code of codes) {
    const colour = PAINT[code]?.[scheme]
    if (code === '' || code === '0') look = ''
    else if (code === '1') look += ' font-weight="bold"'
    else if (code === '2') look += ' opacity="0.7"'
    else if (code === '39') look = look.replace(/ fill="[^"]*"/, '')
    else if (colour !== undefined) look = `${look.replace(/ fill="[^"]*"/, '')} fill="${colour}"`
  }
  return look
}
