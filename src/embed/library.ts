import { FEATURE_ORDER, type ModelName, openBundle } from '../bundle/index.ts'
import { findBundle, lease } from '../home/index.ts'
import { chooseClassifier, type EmbeddedPart, openBackbones, openModels } from '../predict/index.ts'
import type { FrameName } from '../sequence/index.ts'
import { DataError, UsageError, VirnucproError } from '../system/errors.ts'
import { silent } from '../system/logger.ts'
import { alphabetOf, lengthLimit } from './choice.ts'
import { type EngineOptions, engineOptions } from './engine.ts'
import { givenLetters } from './letters.ts'
import { only } from './models.ts'
import { embeddedParts } from './stream.ts'
import { type Column, KINDS, PartBuilder, type Unit, type UnitPart } from './units.ts'

/** A sequence in letters of either case, with an id or without; without one its place in the order is its id, from 0. */
export type SequenceInput = string | { readonly id?: string; readonly sequence: string | Uint8Array }

/** Sequences, as they come. */
export type SequenceInputs = Iterable<SequenceInput> | AsyncIterable<SequenceInput>

interface StreamOptions extends EngineOptions {
  /**
   * Sequences that are sorted by length and packed into batches together. The first result comes when some windows have been
   * read.
   * @default 1000
   */
  windowSize?: number | undefined
  /** Called with what a model refuses, which then has no result. @default an error */
  onRefused?: ((id: string, reason: string) => void) | undefined
}

/** How sequences are embedded. */
export interface EmbedOptions extends StreamOptions {
  /** `esm2` for proteins, `dnabert_s` for DNA. */
  model: ModelName
  /** Most letters of a sequence that are embedded. @default 1,022 residues or 10,000 bases */
  maxLength?: number | undefined
  /** What is done about longer ones: an error, or their beginning is embedded. @default 'fail' */
  tooLong?: 'fail' | 'cut' | undefined
}

/** An embedding. */
export interface Embedded {
  readonly id: string
  /** [width] float32: 768 for DNABERT-S, 2,560 for ESM-2 3B. */
  readonly embedding: Float32Array
  /** Letters that were embedded: fewer than the sequence has where it was cut. */
  readonly length: number
}

/** How frames are classified. */
export interface ClassifyOptions extends StreamOptions {
  /** Bases of a chunk. @default 500 */
  chunkLength?: number | undefined
  /** Classifier file in place of those of the bundle. */
  classifier?: string | undefined
  /** Whether the classifier may have been made for chunks of another length. @default false */
  anyLength?: boolean | undefined
}

/** A frame and what the classifier says of it. */
export interface ClassifiedFrame {
  /** As in the tables of `predict`: `NAME_chunk_1F1`. */
  readonly id: string
  /** Id of the sequence. */
  readonly sequence: string
  /** From 1. */
  readonly chunk: number
  /** Place of the chunk on the sequence, from 1, both inclusive. */
  readonly start: number
  readonly end: number
  readonly frame: FrameName
  /** Both from 0 to 1; together 1. */
  readonly others: number
  readonly virus: number
}

const DEFAULT_WINDOW = 1000
const LENGTH: Column = { name: 'length', type: 'number', meaning: 'letters of the record' }

/** See `embed` of `virnucpro`. */
export async function* embed(sequences: SequenceInputs, options: EmbedOptions): AsyncGenerator<Embedded> {
  const { model, maxLength, tooLong = 'fail', windowSize, onRefused, ...engine } = options
  const { logger = silent } = engine
  const { signal, onLost } = stopsOf(engine)
  await using models = await openBackbones(await engineOptions(engine), logger, onLost, signal)
  const most = lengthLimit(model, maxLength, models.manifest.models[model].maxResidues)
  const alphabet = alphabetOf(model)
  const parts = partsOf([LENGTH], windowSize, sequences, function* ({ id, sequence: given }) {
    const sequence = alphabet === 'protein' ? withoutStop(given) : given
    if (sequence.length > most && tooLong === 'fail')
      throw new DataError(
        `the sequence ${id} has ${sequence.length} letters, more than the ${most} that are embedded`,
        {
          detail: { code: 'too-long', data: { id } },
        },
      )
    const letters = givenLetters(sequence, alphabet, most)
    const place = [letters.length]
    yield alphabet === 'dna' ? { id, nucleotide: letters, place } : { id, protein: letters, place }
  })
  for await (const embedded of embeddedParts(only(models, [model]), parts, { logger, signal })) {
    const { ids, columns } = embedded.part as UnitPart
    for (const row of rowsOf(embedded, onRefused)) {
      const embedding = vectorOf(embedded, row)
      yield { id: ids[row] as string, embedding, length: columns.length?.[row] as number }
    }
  }
}

/** See `classify` of `virnucpro`. */
export function classify(features: Float32Array, options?: ClassifyOptions): Promise<Float32Array>
export function classify(
  sequences: SequenceInputs,
  options?: ClassifyOptions,
): AsyncGenerator<ClassifiedFrame>
export function classify(
  given: Float32Array | SequenceInputs,
  options: ClassifyOptions = {},
): Promise<Float32Array> | AsyncGenerator<ClassifiedFrame> {
  return given instanceof Float32Array ? classifyFeatures(given, options) : classifySequences(given, options)
}

async function classifyFeatures(features: Float32Array, options: ClassifyOptions): Promise<Float32Array> {
  const { logger = silent, signal } = options
  signal?.throwIfAborted()
  const asked = await optionsOf(options)
  const { folder } = await findBundle(asked.bundle)
  await using _lease = await lease(folder)
  const bundle = await openBundle(folder, signal)
  const width = FEATURE_ORDER.reduce((sum, model) => sum + bundle.manifest.models[model].dimension, 0)
  if (features.length % width !== 0)
    throw new UsageError(
      `${features.length} numbers are no rows of ${width}, the embeddings of both models side by side`,
    )
  await using classifier = await (await chooseClassifier(asked, bundle, logger)).open()
  return await classifier.classify(features)
}

async function* classifySequences(
  sequences: SequenceInputs,
  options: ClassifyOptions,
): AsyncGenerator<ClassifiedFrame> {
  const { windowSize, onRefused, logger = silent } = options
  const { signal, onLost } = stopsOf(options)
  const asked = await optionsOf(options)
  await using models = await openModels(asked, logger, onLost, signal)
  const how = { of: 'frames', chunkLength: asked.expectedLength, alphabet: 'dna', maxLength: 0 } as const
  const { columns, units } = KINDS.frames
  const parts = partsOf(columns, windowSize, sequences, (record) => units(record, how))
  for await (const embedded of embeddedParts(models, parts, { logger, signal })) {
    const scores = await models.classifier.classify(embedded.features)
    const { ids, columns } = embedded.part as UnitPart
    const text = (column: string, row: number) => columns[column]?.[row] as string
    const number = (column: string, row: number) => columns[column]?.[row] as number
    for (const row of rowsOf(embedded, onRefused)) {
      yield {
        id: ids[row] as string,
        sequence: text('seq_name', row),
        chunk: number('chunk', row),
        start: number('start', row),
        end: number('end', row),
        frame: text('frame', row) as FrameName,
        others: scores[2 * row] as number,
        virus: scores[2 * row + 1] as number,
      }
    }
  }
}

async function optionsOf({ chunkLength, classifier, anyLength, ...engine }: ClassifyOptions) {
  return await engineOptions({ ...engine, expectedLength: chunkLength, mlp: classifier, anyLength })
}

/** Ends with the caller's signal, and when a server that was started for this ends by itself. */
function stopsOf({ signal }: EngineOptions): { signal: AbortSignal; onLost(error: unknown): void } {
  signal?.throwIfAborted()
  const lost = new AbortController()
  return {
    signal: AbortSignal.any([lost.signal, ...(signal === undefined ? [] : [signal])]),
    onLost: (error) => lost.abort(error),
  }
}

/** Sequences as parts of one window each. */
async function* partsOf(
  columns: readonly Column[],
  windowSize = DEFAULT_WINDOW,
  sequences: SequenceInputs,
  unitsOf: (record: { id: string; sequence: Uint8Array }) => Generator<Unit>,
): AsyncGenerator<UnitPart> {
  if (!Number.isSafeInteger(windowSize) || windowSize < 1)
    throw new UsageError(`expected a whole number of at least 1 for the size of a window, got ${windowSize}`)
  const builder = new PartBuilder(columns, windowSize)
  let place = 0
  for await (const given of sequences) {
    const { id = String(place), sequence } = typeof given === 'string' ? { sequence: given } : given
    place++
    for (const unit of unitsOf({ id, sequence: lettersOf(id, sequence) })) {
      const part = builder.add(unit)
      if (part !== undefined) yield part
    }
  }
  const rest = builder.rest()
  if (rest !== undefined) yield rest
}

/** @throws DataError for anything but letters, gaps and `*`, and for nothing at all */
function lettersOf(id: string, sequence: string | Uint8Array): Uint8Array {
  const text = typeof sequence === 'string' ? sequence : Buffer.from(sequence).toString('latin1')
  const odd = /[^A-Za-z*.-]/.exec(text)
  if (odd !== null)
    throw new DataError(
      `the sequence ${id} has ${JSON.stringify(odd[0])} at position ${odd.index + 1}, which is no letter`,
    )
  if (text === '') throw new DataError(`the sequence ${id} is empty`)
  return typeof sequence === 'string' ? Buffer.from(sequence, 'latin1') : sequence
}

/** The rows that have their embeddings. @throws VirnucproError for one that has not, unless somebody wants to hear of it */
function* rowsOf({ part, failed }: EmbeddedPart, onRefused: StreamOptions['onRefused']): Generator<number> {
  const reasons = new Map(failed.map(({ row, step, reason }) => [row, `${step}: ${reason}`]))
  for (const [row, id] of part.ids.entries()) {
    const reason = reasons.get(row)
    if (reason === undefined) yield row
    else if (onRefused === undefined)
      throw new VirnucproError(`the sequence ${id} cannot be embedded: ${reason}`, {
        detail: { code: 'sequence-refused', data: { id } },
      })
    else onRefused(id, reason)
  }
}

/** A copy: whoever keeps one embedding must not keep those of its window. */
function vectorOf({ part, features }: EmbeddedPart, row: number): Float32Array {
  const width = features.length / part.ids.length
  return features.slice(row * width, (row + 1) * width)
}

/** The stop codon at the end is no residue. */
function withoutStop(protein: Uint8Array): Uint8Array {
  return protein.length > 1 && protein.at(-1) === 0x2a ? protein.subarray(0, -1) : protein
}
