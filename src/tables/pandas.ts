/**
 * The original's tables of chunks pass through pandas: ids are read with `"` as quote character and written
 * with minimal quoting. Source: behaviour of pandas.read_csv(sep="\t") and DataFrame.to_csv(sep="\t").
 */

/**
 * The value pandas reads from a field. A leading quote opens a quoted stretch in which `""` stands for one quote;
 * what follows the closing quote is taken as it is. A quote that never closes would swallow the next rows; such
 * a field is kept unchanged, because losing rows helps nobody.
 */
export function parsePandasField(field: string): string {
  if (!field.startsWith('"')) return field
  let value = ''
  for (let at = 1; at < field.length; at++) {
    const character = field[at] as string
    if (character !== '"') value += character
    else if (field[at + 1] === '"') {
      value += '"'
      at++
    } else return value + field.slice(at + 1)
  }
  return field
}

/** The text pandas writes for a value: quoted where it holds a tab, a quote or a line end. */
export function formatPandasField(value: string): string {
  return /[\t"\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

/** Order of Python strings, by code point; JavaScript's own order is by UTF-16 unit. Negative: `a` first. */
export function compareCodePoints(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Surrogates stand for code points above all others, although their units are not the highest. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
