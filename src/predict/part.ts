/**
 * Up to `sequencesPerFile` frames that share the numbered files of the original (`output_k…`).
 * The three lists run in parallel, in the order of the files.
 */
export interface Part {
  /** From 1. */
  number: number
  /** Frame ids: record, chunk number, frame. */
  ids: string[]
  /** Upper-case DNA of each frame. */
  nucleotides: Uint8Array[]
  /** Residues of each frame; empty only in Broad's layout. */
  proteins: Uint8Array[]
}

/** Digest of the ids and sequences of a part. The proteins follow from the DNA. */
export function contentOf({ ids, nucleotides }: Part): string {
  const hasher = new Bun.CryptoHasher('sha256')
  for (const [i, id] of ids.entries())
    hasher
      .update(`${id}\n`)
      .update(nucleotides[i] as Uint8Array)
      .update('\n')
  return hasher.digest('hex')
}

export function emptyPart(number: number): Part {
  return { number, ids: [], nucleotides: [], proteins: [] }
}

/** Gathers frames into parts. */
export class PartFilling {
  readonly #frames: number
  #part = emptyPart(1)

  /** @param frames - of a full part */
  constructor(frames: number) {
    this.#frames = frames
  }

  /** @returns the part that the frame has filled */
  add(id: string, nucleotide: Uint8Array, protein: Uint8Array): Part | undefined {
    const part = this.#part
    part.ids.push(id)
    part.nucleotides.push(nucleotide)
    part.proteins.push(protein)
    if (part.ids.length < this.#frames) return undefined
    this.#part = emptyPart(part.number + 1)
    return part
  }

  /** @returns the last part, where it has frames */
  rest(): Part | undefined {
    return this.#part.ids.length > 0 ? this.#part : undefined
  }
}
