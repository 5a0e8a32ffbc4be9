import { padBatch } from '../batching/index.ts'
import { MODELS, type ModelName } from '../bundle/index.ts'
import { type AdoptedVectors, type Journal, type JournalEntry, REFUSED } from '../checkpoint/index.ts'
import type { Computed, Dispatcher } from '../dispatch/index.ts'
import type { RunMonitor, RunStats } from '../monitor/index.ts'
import { areFinite } from '../system/finite.ts'
import type { Logger } from '../system/logger.ts'
import { count } from '../text/numbers.ts'
import { type EmbeddedPart, ModelWork, type PlannedBatch, type WindowPart } from './model-work.ts'
import type { LanguageModels } from './models.ts'
import type { Part } from './part.ts'
import type { Window } from './windows.ts'

/** Where the embeddings of finished batches are kept. */
export interface BatchJournal extends AsyncDisposable {
  append(entry: JournalEntry): void
  remove(): Promise<void>
}

/** What of a run has to do with its embeddings. */
export interface EmbeddingRun<Kept extends BatchJournal = Journal> {
  readonly folder: {
    /** @param visit - is given every entry that an interrupted run left */
    openJournal(first: number, visit: (entry: JournalEntry) => void): Promise<Kept>
    removeJournal(first: number): Promise<void>
  }
  readonly models: Pick<LanguageModels, 'backend' | 'inputs'>
  readonly monitor: Pick<RunMonitor, 'checkpointWritten'>
  readonly stats: RunStats
  readonly logger: Logger
}

/** What the windows of a run share. */
export interface Embedding {
  /** Waits for what computes to be ready. */
  dispatcher(): Promise<Dispatcher>
  /** Embeddings of another program's run. */
  adopted: AdoptedVectors | undefined
  /** Closes what is left open. */
  journals: AsyncDisposableStack
}

/** The parts of a window that were not done, and the journal to remove once they are. */
export interface EmbeddedWindow<Kept extends BatchJournal = Journal> {
  parts: readonly EmbeddedPart[]
  journal: Kept | undefined
}

/**
 * Embeds every frame of a window with both models and lays the two vectors side by side; resolves when every row is
 * there or its part has failed.
 *
 * Sorting by length and sharing identical sequences need a view over many frames, so that parts are taken in
 * windows; a second window is prepared and sent while the first is computed, so that the backend never waits. A sequence
 * that the model refuses again and again fails alone; its part is computed once more by the next run.
 *
 * @throws anything but `InferenceError`: a full disk, a stopped run or a lost server ends the run
 */
export async function embed<Kept extends BatchJournal>(
  run: EmbeddingRun<Kept>,
  embedding: Embedding,
  { parts: window, last }: Window,
): Promise<EmbeddedWindow<Kept>> {
  const { folder, logger, models, stats } = run
  const first = window[0]?.part.number ?? 0
  const toCompute = window.filter(({ done }) => !done)
  const planned = () => {
    stats.framesPlanned += framesIn(window)
    stats.framesToCompute += framesIn(toCompute)
  }
  if (toCompute.length === 0) {
    planned()
    await folder.removeJournal(first)
    return { parts: [], journal: undefined }
  }
  const { backend, inputs } = models
  const width = inputs.reduce((sum, { model }) => sum + backend.dimension(model), 0)
  const targets = window.map(({ part, done }) => ({
    part,
    target: done ? undefined : newlyEmbedded(part, width),
  }))
  const works = inputs.map((input) => new ModelWork(input, backend.dimension(input.model), width, targets))
  const journal = embedding.journals.use(
    await folder.openJournal(first, (entry) =>
      works.find(({ input }) => input.model === entry.model)?.recall(entry),
    ),
  )
  let unplanned = works.length
  const onPlanned = () => {
    if (--unplanned === 0) planned()
  }
  for (const work of works) if (embedding.adopted === undefined && work.isIncomplete) work.encode()
  logger.note?.(`parts from ${first} on: ${count(framesIn(toCompute), 'frame')} prepared`)
  const dispatcher = await embedding.dispatcher()
  const { adopted } = embedding
  // It waits for the other model's batch under way too: nothing may run on behind the caller's back.
  await Promise.all(
    works.map((work) => embedModel(run, { dispatcher, adopted }, work, last, journal, onPlanned)),
  )
  dispatcher.throwIfStopped()
  return { parts: targets.flatMap(({ target }) => target ?? []), journal }
}

function newlyEmbedded(part: Part, width: number): EmbeddedPart {
  const features = new Float32Array(part.ids.length * width)
  return { part, features, failed: [], begun: undefined, batches: new Map() }
}

function framesIn(parts: readonly WindowPart[]): number {
  return parts.reduce((sum, { part }) => sum + part.ids.length, 0)
}

async function embedModel(
  { monitor, stats, logger }: Omit<EmbeddingRun, 'folder'>,
  { dispatcher, adopted }: { dispatcher: Dispatcher; adopted: AdoptedVectors | undefined },
  work: ModelWork,
  last: boolean,
  journal: BatchJournal,
  onPlanned: () => void,
): Promise<void> {
  try {
    // Both models count at the same time: what is added must not be awaited within the sum.
    const taken = adopted === undefined ? 0 : await adopt(work, adopted)
    stats.counts.adoptedSequences += taken
    const plan = work.isIncomplete ? work.plan(last) : []
    const { model, padId } = work.input
    stats.models[model].planned(plan.map(tokensOf))
    onPlanned()
    const batches = plan.map((batch) => {
      const pad = () => {
        for (const part of batch.parts) part.begun ??= performance.now()
        return padBatch(batch.rows, padId)
      }
      return dispatcher.compute({ model, tokens: tokensOf(batch), pad }, (computed) => {
        keep(work, batch, journal, computed)
        note(logger, model, batch, computed)
        if (computed.vectors !== undefined) monitor.checkpointWritten()
      })
    })
    await Promise.allSettled(batches)
  } catch (error) {
    dispatcher.stop(error)
  }
}

/** @returns rows that need no computing */
async function adopt(work: ModelWork, adopted: AdoptedVectors): Promise<number> {
  let taken = 0
  for (const group of work.groups) {
    const vector = await adopted.find(work.input.model, group.key)
    if (vector?.length === work.dimension && areFinite(vector) && work.adopt(group, vector)) taken++
  }
  return taken
}

/**
 * Puts the embeddings of a batch into their rows and makes them durable. What was refused, for the next start to try by
 * itself, comes before them: killed in between, the whole batch is computed once more.
 */
function keep(
  work: ModelWork,
  { groups }: PlannedBatch,
  journal: BatchJournal,
  { vectors, refused }: Computed,
): void {
  const { dimension } = work
  const { model } = work.input
  for (const [row, reason] of refused) work.fail(groups[row]!, MODELS[model].label, reason)
  const keysOf = (of: typeof groups) => Buffer.concat(of.map(({ key }) => key))
  const fresh = groups.filter((group, row) => refused.has(row) && !group.refused)
  if (fresh.length > 0)
    journal.append({ model, keys: keysOf(fresh), vectors: new Float32Array(), dimension: REFUSED })
  if (vectors === undefined) return
  const kept = new Float32Array((groups.length - refused.size) * dimension)
  let to = 0
  for (const [row, group] of groups.entries()) {
    if (refused.has(row)) continue
    const vector = vectors.subarray(row * dimension, (row + 1) * dimension)
    work.fill(group, vector)
    kept.set(vector, to++ * dimension)
  }
  const taken = groups.filter((_, row) => !refused.has(row))
  journal.append({ model, keys: keysOf(taken), vectors: kept, dimension })
}

/** What the log says of a batch: where it was computed, for each of its parts, and what was refused. */
function note(
  logger: Logger,
  model: ModelName,
  { parts }: PlannedBatch,
  { vectors, refused, server }: Computed,
): void {
  const { label } = MODELS[model]
  const place = `${label} ${server === undefined ? 'in this process' : `at ${server}`}`
  if (vectors !== undefined)
    for (const { batches } of parts) batches.set(place, (batches.get(place) ?? 0) + 1)
  const reasons = new Map<string, number>()
  for (const reason of refused.values()) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  for (const [reason, sequences] of reasons)
    logger.note?.(`${label} has no embedding for ${count(sequences, 'sequence')}: ${reason}`)
}

function tokensOf({ rows }: PlannedBatch): number {
  return rows.reduce((sum, row) => sum + row.length, 0)
}
