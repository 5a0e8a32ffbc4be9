// What a mistyped word may have meant.

/** Edits (insert, delete, replace, swap of neighbours) that turn one word into the other. */
function editDistance(from: string, to: string): number {
  const rows: number[][] = []
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let row = 0; row <= from.length; row++) {
    rows[row] = row === 0 ? [0] : []
    for (let column = row === 0 ? 1 : 0; column <= to.length; column++) {
      const replace = from[row - 1] === to[column - 1] ? 0 : 1
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      rows[row]![column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + replace,
        swapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
  }
  return at(from.length, to.length)
}

/**
 * The known word most likely meant by a mistyped one, or undefined when none is near.
 * A word that the typed one begins (`--output` for `--output-dir`) counts as near.
 */
export function suggest(typed: string, known: Iterable<string>): string | undefined {
  const allowed = Math.max(1, Math.floor(typed.replace(/^-+/, '').length / 3))
  let best: string | undefined
  let bestDistance = allowed + 1
  let continued: string | undefined
  for (const word of known) {
    const distance = editDistance(typed, word)
    if (distance < bestDistance) {
      best = word
      bestDistance = distance
    }
    if (continued === undefined && typed.length >= 4 && word.startsWith(typed)) continued = word
  }
  return best ?? continued
}

/** ` Did you mean X?`, or nothing. */
export function didYouMean(typed: string, known: Iterable<string>): string {
  const word = suggest(typed, known)
  return word === undefined ? '' : ` Did you mean ${word}?`
}
