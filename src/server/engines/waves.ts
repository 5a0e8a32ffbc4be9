/** Rows of a tile: each multiprocessor computes one at a time. Source: measured on H100 and H200, docs/adr/0013-whole-waves.md. */
const TILE_ROWS = 128

/**
 * The nearest number of tokens that leaves no multiprocessor idle: a whole number of waves, in which each computes a tile
 * of 128 rows, or below one wave a half, a quarter, … of it.
 *
 * @param tokens padding included
 * @param multiprocessors of the GPU; undefined leaves the tokens as they are
 */
export function wholeWaves(tokens: number, multiprocessors: number | undefined): number {
  if (multiprocessors === undefined) return tokens
  const wave = TILE_ROWS * multiprocessors
  if (tokens >= wave) return wave * Math.round(tokens / wave)
  return Math.max(1, Math.round(wave / 2 ** Math.round(Math.log2(wave / tokens))))
}
