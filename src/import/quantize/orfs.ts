import { basename, resolve } from 'node:path'
import { CalibrationError } from '../../bundle/index.ts'
import { readSequences } from '../../fasta/index.ts'
import { chunkBounds, type OpenFrame, openFrames } from '../../sequence/index.ts'
import { sha256File } from '../../system/sha256.ts'

/** Sequences to calibrate with where the user names none: those that the examples are about. */
export const EXAMPLE_SEQUENCES = resolve(import.meta.dir, '../../../examples/contigs.fasta')

/** Length that records are cut to, as for the classifier of long sequences; reads are shorter and stay whole. */
export const CHUNK_LENGTH = 500
/** Different open frames that are looked at: what comes behind them is not read. */
const MOST_FRAMES = 20_000
/** Residues to calibrate with, and to measure the accuracy with. */
export interface Residues {
  readonly calibration: number
  readonly heldOut: number
}
const RESIDUES: Residues = { calibration: 8192, heldOut: 4096 }
/** Frames below which neither would say anything. */
const FEWEST_FRAMES = 8

export interface CalibrationOrfs {
  readonly calibration: readonly OpenFrame[]
  /** Others, for the accuracy. */
  readonly heldOut: readonly OpenFrame[]
  readonly input: { readonly name: string; readonly bytes: number; readonly sha256: string }
}

/**
 * Open reading frames from a FASTA file of nucleotides, cut and translated as a run does. Frames are taken from the
 * whole of what is read, evenly, every third of them for the accuracy; equal files give equal frames.
 *
 * @param what they are for, as errors say it
 * @throws CalibrationError when there are too few; FastaError
 */
export async function readOrfs(
  path: string,
  signal?: AbortSignal,
  what = 'FP8',
  residues = RESIDUES,
): Promise<CalibrationOrfs> {
  const frames = await differentFrames(path, signal)
  if (frames.length < FEWEST_FRAMES) {
    throw new CalibrationError(
      `${path} has ${frames.length === 0 ? 'no' : `only ${frames.length} different`} open reading frames in chunks of ` +
        `${CHUNK_LENGTH} bases, and ${what} needs ${FEWEST_FRAMES} of them. Name a FASTA file of nucleotides like ` +
        'those that you will run, for example some thousand reads of a sample.',
    )
  }
  const calibration = spread(
    frames.filter((_, i) => i % 3 !== 2),
    residues.calibration,
  )
  const heldOut = spread(
    frames.filter((_, i) => i % 3 === 2),
    residues.heldOut,
  )
  const input = { name: basename(path), bytes: Bun.file(path).size, sha256: await sha256File(path, signal) }
  return { calibration, heldOut, input }
}

async function differentFrames(path: string, signal: AbortSignal | undefined): Promise<OpenFrame[]> {
  const found = new Map<string, OpenFrame>()
  for await (const records of readSequences([path], signal && { signal })) {
    signal?.throwIfAborted()
    for (const { sequence } of records) {
      for (const { start, end } of chunkBounds(sequence.length, CHUNK_LENGTH)) {
        for (const frame of openFrames(sequence.subarray(start, end))) {
          found.set(Buffer.from(frame.protein).toString('latin1'), frame)
        }
      }
      if (found.size >= MOST_FRAMES) return [...found.values()]
    }
  }
  return [...found.values()]
}

/** As many frames as `residues` allow, evenly from first to last. */
function spread(frames: readonly OpenFrame[], residues: number): OpenFrame[] {
  const all = frames.reduce((sum, { protein }) => sum + protein.length, 0)
  const share = Math.min(1, residues / all)
  return frames.filter((_, i) => Math.floor((i + 1) * share) > Math.floor(i * share))
}
