/** Edits (insert, delete, replace, swap of neighbours) that turn one word into the other. */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let best = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (row > 1 && column > 1 && swapped) best = Math.min(best, (beforePrevious[column - 2] ?? 0) + 1)
      current.push(best)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[to.length] ?? 0
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
