// How full the multiprocessors of a GPU are with the batches of a run: plans of generated inputs under token budgets of powers of
// two and of whole waves. Computed, not measured; a GPU measures it with bench/gpu/waves.sh.
//   bun bench/waves.ts [--quick] [--json FILE] [--record FILE] [--multiprocessors 132]
// "idle" is the share of multiprocessors x time without a tile of a product, of the four products of a layer of ESM-2 3B, the mean
// of tiles of 128 x 128 and 128 x 256. Against measured batches of an H200: 170 x 101 rows should be 2.9 % slower than 167 x 101
// and 338 x 101 1.2 % slower than 334 x 101, and were 2.7 and 1.3 %.
import { planBatches, WINDOW_FRAMES } from '../src/batching/index.ts'
import { MODELS } from '../src/bundle/index.ts'
import { wholeWaves } from '../src/server/engines/index.ts'
import { benchOptions, fail, figuresOf, finish, type Result } from './result.ts'
import { KINDS, workload } from './scaling/workload.ts'

const WIDTH = 2560
/** Columns and depth of the products of a layer. */
const PRODUCTS = [
  [3 * WIDTH, WIDTH],
  [WIDTH, WIDTH],
  [4 * WIDTH, WIDTH],
  [WIDTH, 4 * WIDTH],
] as const
const TILE_ROWS = 128
const TILE_COLUMNS = [128, 256]
const BUDGETS = [16_384, 32_768, 65_536]
/** A batch that fills so much of its last half wave ends just below it. */
const FULL = 0.9

const options = benchOptions('bun bench/waves.ts', { multiprocessors: { type: 'string' } })
const multiprocessors = Number(options.multiprocessors ?? 132)
if (!(Number.isInteger(multiprocessors) && multiprocessors > 0)) fail('--multiprocessors: expected a number')
const windows = options.quick ? 1 : 10

const results: Result[] = []
for (const kind of ['reads of 300', ...KINDS] as const) {
  for (const budget of BUDGETS) {
    for (const tokenBudget of new Set([budget, wholeWaves(budget, multiprocessors)])) {
      const { maxSequences } = MODELS.esm2
      const rows = batchesOf(kind, { tokenBudget, maxSequences })
      const measured = figuresOf(`${kind}, batches of ${tokenBudget}`, [rows])
      results.push(measured('idle', '%', 'lower', (all) => 100 * idle(all)))
      results.push(measured('end above a half wave', '%', 'lower', (all) => 100 * above(all)))
    }
  }
}
await finish('waves', options, { multiprocessors, windows, frames: WINDOW_FRAMES }, results)

/** Rows of the products of each batch: tokens, padding included. */
function batchesOf(
  kind: 'reads of 300' | (typeof KINDS)[number],
  limits: { tokenBudget: number; maxSequences: number },
): number[] {
  if (kind !== 'reads of 300') {
    const plan = workload(kind, windows, limits)
    return plan.flatMap(({ batches }) => batches.map(({ rows, paddedLength }) => rows * paddedLength))
  }
  // Of 300 bases one frame of a strand has 100 codons, the other two 99.
  const lengths = Uint32Array.from({ length: WINDOW_FRAMES }, (_, i) => (i % 3 === 0 ? 102 : 101))
  return Array.from({ length: windows }, (_, at) =>
    planBatches(lengths, { ...limits, taper: at === windows - 1 }).map(({ tokens }) => tokens),
  ).flat()
}

function above(batches: readonly number[]): number {
  const half = (TILE_ROWS * multiprocessors) / 2
  return batches.filter((rows) => rows % half !== 0 && (rows % half) / half < FULL).length / batches.length
}

function idle(batches: readonly number[]): number {
  let [taken, needed] = [0, 0]
  for (const rows of batches) {
    for (const [columns, depth] of PRODUCTS) {
      needed += rows * columns * depth
      for (const width of TILE_COLUMNS) {
        const tiles = Math.ceil(rows / TILE_ROWS) * Math.ceil(columns / width)
        const waves = Math.ceil(tiles / multiprocessors)
        taken += (waves * multiprocessors * TILE_ROWS * width * depth) / TILE_COLUMNS.length
      }
    }
  }
  return 1 - needed / taken
}
