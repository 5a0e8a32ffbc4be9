/**
 * Lines of cells in columns, two spaces apart. The last column is as wide as it likes.
 *
 * @param right numbers of columns that are aligned at the right
 */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, at) =>
    Math.max(...rows.map((row) => Bun.stringWidth(row[at] ?? ''))),
  )
  const padded = (cell: string, at: number) => {
    const space = ' '.repeat(widths[at]! - Bun.stringWidth(cell))
    return right.includes(at) ? space + cell : cell + space
  }
  return rows.map((row) => row.map(padded).join('  ').trimEnd())
}
