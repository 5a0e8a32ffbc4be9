import { WINDOW_FRAMES } from '../batching/index.ts'
import { type Manifest, MODEL_NAMES } from '../bundle/index.ts'
import type { LayoutName } from '../layout/index.ts'
import type { Figures } from './count.ts'
import { numbersOf } from './time.ts'

/** Bytes that a run takes on the disk of its output folder. */
export interface DiskUse {
  /** Tables and report: what stays. */
  readonly results: number
  /** Part files and `.pt` files, which stay where they are asked for. */
  readonly intermediates: number
  /** What is there besides, at most, until the run has finished. */
  readonly working: number
}

export interface DiskOptions {
  readonly manifest: Manifest
  readonly layout: LayoutName
  readonly sequencesPerFile: number
  readonly keepIntermediate: boolean
  /** Whether the report is written. */
  readonly report: boolean
}

/** A row of the frames besides the id: call, two scores as each layout prints them. */
const FRAME_ROW = { vanilla: 31, broad: 48 } as const
/** The same of a chunk. */
const CHUNK_ROW = { vanilla: 7, broad: 46 } as const
/** Rows of the results besides the id. */
const RESULT_ROW = { contig: 62, calledChunk: 50, silentChunk: 42, feature: 100, frame: 10 } as const
/** What names the columns of the frames. */
const PARQUET_BYTES = 1300
/** A byte holds four letters of a record that may be called viral. */
const LETTERS_A_BYTE = 4
/** Page, summary, metrics. */
const REPORT_BYTES = 97_000
/** A number in the `.pt` files of both models, and in that of the merged features; a row and its name in a pickle. */
const NUMBER = { dnabert_s: 9, esm2: 4, merged: 4 } as const
const PT_ROW = { dnabert_s: 60, esm2: 180, merged: 25 } as const
/** A score and what belongs to it. */
const SCORE_BYTES = 9
/** The key of an embedding in a journal. */
const KEY_BYTES = 32
/** Windows that are under way. */
const WINDOWS = 2

/** About, from what was counted. */
export function diskUse(figures: Figures, options: DiskOptions): DiskUse {
  const { layout, manifest } = options
  const { chunks, chunksWithoutFrame, chunkIdBytes, frames, frameIdBytes } = figures
  const called = chunks - chunksWithoutFrame
  const chunkTable = called * CHUNK_ROW[layout] + (called * chunkIdBytes) / Math.max(1, chunks)
  const tables = frames * FRAME_ROW[layout] + frameIdBytes + chunkTable
  const window = Math.min(frames, WINDOWS * Math.max(WINDOW_FRAMES, options.sequencesPerFile))
  const journal = window * (4 * numbersOf(manifest) + KEY_BYTES * MODEL_NAMES.length)
  const scores = frames * SCORE_BYTES + frameIdBytes
  return {
    results: tables + results(figures) + (options.report ? REPORT_BYTES : 0),
    intermediates: options.keepIntermediate ? intermediates(figures, options) : 0,
    // Chunks are sorted through files.
    working: journal + scores + chunkTable + figures.bases / LETTERS_A_BYTE,
  }
}

/** Nobody knows how much will be called viral: the records themselves are not among them. */
function results({ records, chunks, chunksWithoutFrame, chunkIdBytes, frames }: Figures): number {
  const called = chunks - chunksWithoutFrame
  const id = chunkIdBytes / Math.max(1, chunks)
  return (
    records * (id + RESULT_ROW.contig) +
    called * (id + RESULT_ROW.calledChunk) +
    chunksWithoutFrame * (id + RESULT_ROW.silentChunk) +
    called * (2 * id + RESULT_ROW.feature) +
    frames * RESULT_ROW.frame +
    PARQUET_BYTES
  )
}

function intermediates(figures: Figures, { manifest, layout }: DiskOptions): number {
  const { chunks, chunkBases, chunkIdBytes, frames, frameBases, frameIdBytes, frameResidues } = figures
  // A header has two characters of its own, a sequence one at its end, and wrapped ones more.
  const wrapped = (letters: number) => letters * (61 / 60)
  const part = (letters: number) =>
    frameIdBytes + 3 * frames + (layout === 'broad' ? wrapped(letters) : letters)
  const whole = (letters: number) => frameIdBytes + 3 * frames + letters
  const texts =
    chunkIdBytes +
    2.5 * chunks +
    wrapped(chunkBases) +
    [frameBases, frameResidues].reduce((sum, letters) => sum + part(letters) + whole(letters), 0)
  const { dnabert_s, esm2 } = manifest.models
  const features =
    frames * (PT_ROW.dnabert_s + PT_ROW.esm2 + PT_ROW.merged) +
    3 * frameIdBytes +
    frames *
      (NUMBER.dnabert_s * dnabert_s.dimension +
        NUMBER.esm2 * esm2.dimension +
        NUMBER.merged * numbersOf(manifest))
  return texts + features
}
