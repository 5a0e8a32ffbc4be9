import { deflateRawSync, inflateRawSync } from 'node:zlib'
import * as v from 'valibot'
import { statePaths } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { READ } from '../system/regular-file.ts'
import { sealed, unsealed } from '../system/sealed.ts'
import { unlessMissing } from '../system/system-error.ts'

/** What the scores of a finished run were computed in. */
export interface RunPrecisions {
  /** Of the quantized model. */
  quantized: string
  /** Of the recheck. */
  rechecked: string
  /** What the results decided, by which frames were chosen; as text. */
  rule: string
  /** Frames that were rechecked, by their number in the run, from 0: a bit each, eight a byte, the lowest first. */
  frames: Uint8Array<ArrayBuffer>
}

const PrecisionsSchema = v.object({
  quantized: v.string(),
  rechecked: v.string(),
  rule: v.string(),
  frames: v.string(),
})

/** @param state - folder of the state of the run */
export async function writePrecisions(
  state: string,
  { quantized, rechecked, rule, frames }: RunPrecisions,
): Promise<void> {
  const content = { quantized, rechecked, rule, frames: deflateRawSync(frames).toString('base64') }
  await writeAtomically(statePaths(state).precisions, `${sealed(content)}\n`)
}

/** Undefined for a run in one precision, and where the file is damaged. @param state - folder of the state of the run */
export async function readPrecisions(state: string): Promise<RunPrecisions | undefined> {
  const path = statePaths(state).precisions
  const text = await readText(path, MOST_BYTES.part, READ).catch(unlessMissing(path))
  const content = text === undefined ? undefined : unsealed(text)
  const parsed = v.safeParse(PrecisionsSchema, content?.isSealed === true ? content.value : undefined)
  if (!parsed.success) return undefined
  const { frames: packed, ...names } = parsed.output
  const frames = unpacked(packed)
  return frames && { ...names, frames }
}

/** Of two billion frames: a checksum of our own proves nothing to those who can write one. */
const MOST_UNPACKED_BYTES = 2 ** 28

function unpacked(frames: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return new Uint8Array(
      inflateRawSync(Buffer.from(frames, 'base64'), { maxOutputLength: MOST_UNPACKED_BYTES }),
    )
  } catch {
    return undefined
  }
}
