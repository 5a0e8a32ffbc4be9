import { MODELS, type ModelName } from '../bundle/index.ts'
import type { SequenceAlphabet } from '../fasta/index.ts'
import { UsageError } from '../system/errors.ts'

/** What can be embedded: open frames, chunks, or records as they are. */
export const EMBED_KINDS = ['frames', 'chunks', 'records'] as const
export type EmbedKind = (typeof EMBED_KINDS)[number]

/** What is embedded, and by what. */
export interface EmbedChoice {
  of: EmbedKind
  /** Undefined: what suits `of` and the input. */
  model?: ModelName | 'both' | undefined
  /** What whole records are. Undefined: what the model reads, or what the input looks like. */
  alphabet?: SequenceAlphabet | undefined
}

/** The model that reads each alphabet. */
const READS: Readonly<Record<SequenceAlphabet, ModelName>> = { dna: 'dnabert_s', protein: 'esm2' }

/** What a model reads. */
export function alphabetOf(model: ModelName): SequenceAlphabet {
  return MODELS[model].sequence === 'protein' ? 'protein' : 'dna'
}

/** What does not go together, with the reason. */
function clash(problem: string): UsageError {
  return new UsageError(problem, { detail: { code: 'embedding-clash', data: {} } })
}

/**
 * The models that embed what was chosen, in the order of their columns.
 *
 * @returns undefined where that depends on what the records of the input are
 * @throws UsageError for a choice that no model can meet
 */
export function modelsFor({ of, model, alphabet }: EmbedChoice): readonly ModelName[] | undefined {
  if (of === 'records') return modelForRecords(model, alphabet)
  if (alphabet === 'protein')
    throw clash(`${of} are cut from DNA, and the input is said to hold proteins: embed whole records`)
  if (of === 'chunks') {
    if (model === undefined || model === 'dnabert_s') return ['dnabert_s']
    throw clash('chunks are DNA, which ESM-2 does not read: embed frames, which are translated for it')
  }
  return model === undefined || model === 'both' ? ['dnabert_s', 'esm2'] : [model]
}

function modelForRecords(
  model: EmbedChoice['model'],
  alphabet: SequenceAlphabet | undefined,
): readonly ModelName[] | undefined {
  if (model === 'both')
    throw clash('a whole record is DNA or protein, and each model reads one of the two: choose a model')
  if (model === undefined) return alphabet && [READS[alphabet]]
  if (alphabet !== undefined && alphabetOf(model) !== alphabet) {
    const [read, given] = alphabet === 'dna' ? ['proteins', 'DNA'] : ['DNA', 'proteins']
    throw clash(`${MODELS[model].label} reads ${read}, and the input is said to hold ${given}`)
  }
  return [model]
}

/** Letters of a whole record that are embedded where nothing else is said: residues, bases. */
const USUAL_LENGTHS: Readonly<Record<ModelName, number>> = { esm2: 1022, dnabert_s: 10_000 }

/**
 * Most letters of a whole record that a model is given.
 *
 * @param most - letters that enter the mean of the model; undefined for all
 * @throws UsageError for more than these
 */
export function lengthLimit(model: ModelName, asked: number | undefined, most: number | undefined): number {
  if (asked !== undefined && most !== undefined && asked > most)
    throw clash(
      `${MODELS[model].label} as it was imported averages ${most} ${MODELS[model].unit}s at most, and ${asked} are asked for`,
    )
  return asked ?? Math.min(USUAL_LENGTHS[model], most ?? Number.POSITIVE_INFINITY)
}

/** What is done about a record that is longer than the model is given. */
export const TOO_LONG = ['cut', 'skip', 'fail'] as const
export type TooLong = (typeof TOO_LONG)[number]
