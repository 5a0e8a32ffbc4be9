import {
  aminoAcid,
  baseCode,
  CODON_MASK,
  complement,
  facingAminoAcid,
  stopStrand,
  upperCase,
} from './codons.ts'

/** Reading frame: F forward, R on the reverse complement; the digit is 1 + the offset of its first codon. */
export type FrameName = 'F1' | 'F2' | 'F3' | 'R1' | 'R2' | 'R3'

/** A reading frame of a chunk without a stop codon. */
export interface OpenFrame {
  frame: FrameName
  /**
   * Upper case bases, ASCII: from the frame's first base, three for every amino acid and one more where the chunk has
   * it. That is the original's slice: where codons were dropped it ends before the last codon.
   */
  nucleotide: Uint8Array
  /** Amino acids, one ASCII letter each; a codon with a letter other than A, C, G, T contributes nothing. */
  protein: Uint8Array
}

/**
 * Why a chunk has no open frame: each has a stop codon; it has no codon at all; or every codon of a frame without a stop
 * codon has a letter other than A, C, G, T.
 */
export type Silence = 'no_open_frame' | 'too_short' | 'ambiguous_bases'

/** What {@link openFrames} may be asked for. */
export interface OpenFrameOptions {
  /**
   * Keep frames that translate to nothing: chunks of under three bases, or of N alone. The original skips them, Broad's
   * fork keeps them.
   * @default false
   */
  keepEmpty?: boolean
}

const FRAMES: readonly FrameName[] = ['F1', 'F2', 'F3', 'R1', 'R2', 'R3']
const ALL_OPEN = 0b111111

/**
 * The frames of a chunk that hold no stop codon, in the order F1, F2, F3, R1, R2, R3.
 *
 * The chunk is ASCII bases in either case and is not modified; what comes back shares no memory with it.
 */
export function openFrames(chunk: Uint8Array, options: OpenFrameOptions = {}): OpenFrame[] {
  const open = findOpen(chunk)
  const frames: OpenFrame[] = []
  if (open === 0) return frames
  for (let f = 0; f < FRAMES.length; f++) {
    if ((open & (1 << f)) === 0) continue
    const forward = f < 3
    const offset = forward ? f : f - 3
    const protein = forward ? translate(chunk, offset) : translateReverse(chunk, offset)
    if (protein.length === 0 && options.keepEmpty !== true) continue
    const bases = Math.min(3 * protein.length + 1, Math.max(0, chunk.length - offset))
    const nucleotide = forward ? upper(chunk, offset, bases) : reverseComplement(chunk, offset, bases)
    frames.push({ frame: FRAMES[f]!, nucleotide, protein })
  }
  return frames
}

/** Why {@link openFrames} finds nothing in a chunk. */
export function silenceOf(chunk: Uint8Array): Silence {
  if (chunk.length < 3) return 'too_short'
  const open = findOpen(chunk)
  const isOpen = FRAMES.some((_, f) => (open & (1 << f)) !== 0 && codonCount(chunk, f % 3) > 0)
  return isOpen ? 'ambiguous_bases' : 'no_open_frame'
}

/**
 * One pass over the forward strand for all six frames: bit f of the result is set while frame f has met no stop.
 * Most chunks of non-coding DNA close all six within a hundred bases, so nothing is built before this has passed.
 */
function findOpen(chunk: Uint8Array): number {
  const length = chunk.length
  if (length < 3) return ALL_OPEN
  let open = ALL_OPEN
  let codon = (baseCode[chunk[0]!]! << 3) | baseCode[chunk[1]!]!
  for (let i = 2; i < length; i++) {
    codon = ((codon << 3) | baseCode[chunk[i]!]!) & CODON_MASK
    const strand = stopStrand[codon]!
    if (strand === 0) continue
    // The codon starts at i - 2, and at length - 1 - i on the other strand.
    open &= strand === 1 ? ~(1 << ((i - 2) % 3)) : ~(8 << ((length - 1 - i) % 3))
    if (open === 0) return 0
  }
  return open
}

/** Number of whole codons from `offset` on. */
function codonCount(chunk: Uint8Array, offset: number): number {
  return Math.max(0, Math.floor((chunk.length - offset) / 3))
}

function translate(chunk: Uint8Array, offset: number): Uint8Array {
  const protein = new Uint8Array(codonCount(chunk, offset))
  const end = offset + 3 * protein.length
  let length = 0
  for (let i = offset; i < end; i += 3) {
    const amino = aminoAcid[codonAt(chunk, i)]!
    if (amino !== 0) protein[length++] = amino
  }
  return length === protein.length ? protein : protein.slice(0, length)
}

/** Reads the forward strand from its end, so that the reverse complement of a closed frame is never built. */
function translateReverse(chunk: Uint8Array, offset: number): Uint8Array {
  const protein = new Uint8Array(codonCount(chunk, offset))
  let length = 0
  for (let i = chunk.length - offset - 3; i >= 0; i -= 3) {
    const amino = facingAminoAcid[codonAt(chunk, i)]!
    if (amino !== 0) protein[length++] = amino
  }
  return length === protein.length ? protein : protein.slice(0, length)
}

function codonAt(chunk: Uint8Array, i: number): number {
  return (baseCode[chunk[i]!]! << 6) | (baseCode[chunk[i + 1]!]! << 3) | baseCode[chunk[i + 2]!]!
}

// Each frame gets bases of its own. Views of one shared copy cost more: a view moves a small array out of the
// collected heap (45 MB/s against twice that on 150-base reads).

function upper(chunk: Uint8Array, offset: number, bases: number): Uint8Array {
  const out = new Uint8Array(bases)
  for (let i = 0; i < bases; i++) out[i] = upperCase[chunk[offset + i]!]!
  return out
}

function reverseComplement(chunk: Uint8Array, offset: number, bases: number): Uint8Array {
  const out = new Uint8Array(bases)
  const last = chunk.length - 1 - offset
  for (let i = 0; i < bases; i++) out[i] = complement[chunk[last - i]!]!
  return out
}
