import { padBatch } from '../batching/index.ts'
import { type HostedName, MODELS, modelOf } from '../bundle/index.ts'
import { type AdoptedVectors, type Journal, type JournalEntry, REFUSED } from '../checkpoint/index.ts'
import type { Computed, Dispatcher } from '../dispatch/index.ts'
import type { ModelCounts, RunMonitor, RunStats } from '../monitor/index.ts'
import { areFinite } from '../system/finite.ts'
import type { Logger } from '../system/logger.ts'
import { count } from '../text/numbers.ts'
import { type EmbeddedPart, ModelWork, type PlannedBatch } from './model-work.ts'
import type { LanguageModels } from './models.ts'
import type { BatchJournal, Owner } from './owner.ts'
import type { Part } from './part.ts'
import type { Reuse, Turn } from './reuse.ts'
import type { Window, WindowPart } from './windows.ts'

/** What the windows of a session share. */
export interface Embedding {
  /** Waits for what computes to be ready. */
  dispatcher(): Promise<Dispatcher>
  /** Closes what is left open. */
  journals: AsyncDisposableStack
}

/** The journal of each run in a window that has something to compute there. */
type Journals<Of, Kept extends BatchJournal> = ReadonlyMap<Of, Kept>

/** A window when its batches are over. */
export interface EmbeddedWindow<Of, Kept extends BatchJournal> {
  /** All of it. */
  parts: readonly WindowPart<Of>[]
  /** Those that were not done. */
  embedded: readonly EmbeddedPart<Of>[]
  /** To be removed once they are. */
  journals: Journals<Of, Kept>
}

/** What computes, and who hears of it. */
export interface EmbeddingSession {
  readonly models: Pick<LanguageModels, 'backend' | 'inputs'>
  readonly monitor: Pick<RunMonitor, 'checkpointWritten'>
  /** Of all runs together. */
  readonly stats: RunStats
  readonly logger: Logger
}

/** A run whose windows no other shares. */
export type EmbeddingRun<Kept extends BatchJournal = Journal> = EmbeddingSession & Owner<Kept>

/**
 * Embeds a window of a run that is computed alone; see {@link embed}.
 *
 * @returns the parts that were not done, and the journal to remove once they are
 */
export async function embedWindow<Kept extends BatchJournal>(
  run: EmbeddingRun<Kept>,
  embedding: Embedding,
  { parts, last }: Window,
): Promise<{ parts: readonly EmbeddedPart[]; journal: Kept | undefined }> {
  const window = { parts: parts.map((part) => ({ ...part, of: run })), last }
  const { embedded, journals } = await embed<EmbeddingRun<Kept>, Kept>(run, embedding, window)
  return { parts: embedded, journal: journals.get(run) }
}

/**
 * Embeds every frame of a window with both models and lays the two vectors side by side; resolves when every row is
 * there or its part has failed.
 *
 * Sorting by length and sharing identical sequences need a view over many frames, so that parts are taken in
 * windows; a second window is prepared and sent while the first is computed, so that the backend never waits. A sequence
 * that the model refuses again and again fails alone; its part is computed once more by the next run.
 *
 * @throws anything but `InferenceError`: a full disk, a stopped run or a lost server ends all runs
 */
export async function embed<Of extends Owner<Kept>, Kept extends BatchJournal>(
  session: EmbeddingSession,
  embedding: Embedding,
  { parts: window, last }: Window<Of>,
): Promise<EmbeddedWindow<Of, Kept>> {
  const turns = new Map<Reuse | undefined, Turn | undefined>()
  for (const [reuse, parts] of Map.groupBy(window, ({ reuse }) => reuse)) {
    const hasDone = parts.some(({ done }) => done)
    turns.set(reuse, reuse?.begin(hasDone))
  }
  try {
    return await embedInTurn(session, embedding, { window, turns, last })
  } finally {
    for (const turn of turns.values()) turn?.end()
  }
}

interface WindowInTurn<Of> {
  window: readonly WindowPart<Of>[]
  turns: ReadonlyMap<Reuse | undefined, Turn | undefined>
  last: boolean
}

async function embedInTurn<Of extends Owner<Kept>, Kept extends BatchJournal>(
  session: EmbeddingSession,
  embedding: Embedding,
  { window, turns, last }: WindowInTurn<Of>,
): Promise<EmbeddedWindow<Of, Kept>> {
  const { logger, models, stats } = session
  const toCompute = window.filter(({ done }) => !done)
  const planned = () => {
    stats.framesPlanned += framesIn(window)
    stats.framesToCompute += framesIn(toCompute)
  }
  const { backend, inputs } = models
  const width = inputs.reduce((sum, { model }) => sum + backend.dimension(model), 0)
  const targets = window.map(({ of, part, done, reuse }) => ({
    part,
    target: done || of === undefined ? undefined : newlyEmbedded(of, part, width),
    turn: turns.get(reuse),
  }))
  const embedded = targets.flatMap(({ target }) => target ?? [])
  // Later windows have to know what a finished one has.
  const isNeeded = embedded.length > 0 || targets.some(({ turn }) => turn !== undefined)
  const works = isNeeded
    ? inputs.map((input) => new ModelWork(input, backend.dimension(input.model), width, targets))
    : []
  await Promise.all(works.map((work) => work.claim()))
  const journals = await openJournals<Of, Kept>(window, embedding, works)
  if (embedded.length === 0 && !works.some((work) => work.isIncomplete)) {
    planned()
    return { parts: window, embedded, journals }
  }
  let unplanned = works.length
  const onPlanned = () => {
    if (--unplanned === 0) planned()
  }
  // Those of a run with embeddings of another program share their windows with no other.
  const adopted = window.find(({ of }) => of?.adopted !== undefined)?.of
  for (const work of works) if (adopted === undefined && work.isIncomplete) work.encode()
  const first = window[0]?.part.number ?? 0
  logger.note?.(`parts from ${first} on: ${count(framesIn(toCompute), 'frame')} prepared`)
  const dispatcher = await embedding.dispatcher()
  // It waits for the other model's batch under way too: nothing may run on behind the caller's back.
  await Promise.all(
    works.map((work) => embedModel(session, { dispatcher, adopted, journals, last }, work, onPlanned)),
  )
  dispatcher.throwIfStopped()
  await exchange(works, turns, dispatcher)
  return { parts: window, embedded, journals }
}

/** Hands later windows what they need, and then takes from earlier ones. */
async function exchange(
  works: readonly ModelWork[],
  turns: WindowInTurn<unknown>['turns'],
  dispatcher: Dispatcher,
): Promise<void> {
  try {
    for (const work of works) work.keep()
    for (const turn of turns.values()) turn?.end()
    for (const work of works) await work.borrow()
  } catch (error) {
    dispatcher.stop(error)
  }
  // What has failed first is what there is to say.
  dispatcher.throwIfStopped()
}

function newlyEmbedded<Of extends Owner<BatchJournal>>(of: Of, part: Part, width: number): EmbeddedPart<Of> {
  const features = new Float32Array(part.ids.length * width)
  return { of, part, features, failed: [], begun: undefined, batches: new Map() }
}

/** Recalls what an earlier start has computed of a window. A run has one journal for each window that has parts of it. */
async function openJournals<Of extends Owner<Kept>, Kept extends BatchJournal>(
  window: readonly WindowPart<Of>[],
  embedding: Embedding,
  works: readonly ModelWork[],
): Promise<Journals<Of, Kept>> {
  const journals = new Map<Of, Kept>()
  for (const [of, parts] of Map.groupBy(window, ({ of }) => of)) {
    if (of === undefined) continue
    const { folder } = of
    const first = parts[0]?.part.number ?? 0
    if (parts.every(({ done }) => done)) {
      await folder.removeJournal(first)
      continue
    }
    const journal = await folder.openJournal(first, (entry) =>
      works.find(({ input }) => input.model === entry.model)?.recall(entry),
    )
    journals.set(of, embedding.journals.use(journal))
  }
  return journals
}

function framesIn(parts: readonly WindowPart<unknown>[]): number {
  return parts.reduce((sum, { part }) => sum + part.ids.length, 0)
}

interface ModelTask {
  dispatcher: Dispatcher
  /** The run of the window that has embeddings of another program. */
  adopted: Owner<BatchJournal> | undefined
  journals: Journals<Owner<BatchJournal>, BatchJournal>
  last: boolean
}

async function embedModel(
  { monitor, stats, logger }: EmbeddingSession,
  { dispatcher, adopted, journals, last }: ModelTask,
  work: ModelWork,
  onPlanned: () => void,
): Promise<void> {
  try {
    // Both models count at the same time: what is added must not be awaited within the sum.
    const taken = adopted?.adopted === undefined ? 0 : await adopt(work, adopted.adopted)
    if (adopted !== undefined) adopted.stats.counts.adoptedSequences += taken
    const plan = work.isIncomplete ? work.plan(last) : []
    spare(work, stats)
    const { model, padId } = work.input
    stats.of(model).planned(plan.map(tokensOf))
    onPlanned()
    const batches = plan.map((batch) => {
      const pad = () => {
        for (const part of batch.parts) part.begun ??= performance.now()
        return padBatch(batch.rows, padId)
      }
      return dispatcher.compute({ model, tokens: tokensOf(batch), pad }, (computed) => {
        keep(work, batch, journals, computed)
        share(work, batch, computed, stats)
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
  journals: ModelTask['journals'],
  computed: Computed,
): void {
  const { vectors, refused } = computed
  const { dimension } = work
  const { model } = work.input
  for (const [row, reason] of refused) work.fail(groups[row]!, reason)
  const rows = groups.map((group, row) => ({ group, row }))
  const fresh = rows.filter(({ group, row }) => refused.has(row) && !group.refused)
  append(journals, fresh, (keys) => ({ model, keys, vectors: new Float32Array(), dimension: REFUSED }))
  if (vectors === undefined) return
  const vectorOf = (row: number) => vectors.subarray(row * dimension, (row + 1) * dimension)
  const taken = rows.filter(({ row }) => !refused.has(row))
  for (const { group, row } of taken) work.fill(group, vectorOf(row))
  append(journals, taken, (keys, some) => {
    const kept = new Float32Array(some.length * dimension)
    for (const [at, { row }] of some.entries()) kept.set(vectorOf(row), at * dimension)
    return { model, keys, vectors: kept, dimension }
  })
}

interface Row {
  group: PlannedBatch['groups'][number]
  row: number
}

/** Writes to the journal of each run what it has of some rows: each can be continued by itself. */
function append(
  journals: ModelTask['journals'],
  rows: readonly Row[],
  entryOf: (keys: Buffer, rows: readonly Row[]) => JournalEntry,
): void {
  for (const [of, journal] of journals) {
    const its =
      journals.size === 1
        ? rows
        : rows.filter(({ group }) => group.slots.some(({ target }) => target.of === of))
    if (its.length > 0) journal.append(entryOf(Buffer.concat(its.map(({ group }) => group.key)), its))
  }
}

/** Counts a batch for the runs that share it. A sequence that several have counts for the first. */
function share(
  { input: { model } }: ModelWork,
  { groups, rows }: PlannedBatch,
  { vectors, refused }: Computed,
  all: RunStats,
): void {
  if (vectors === undefined) return
  const width = rows.reduce((longest, { length }) => Math.max(longest, length), 0)
  const shares = new Map<RunStats, ModelCounts>()
  for (const [row, { slots }] of groups.entries()) {
    const stats = slots[0]?.target.of.stats
    if (stats === undefined || stats === all) continue
    const its = shares.get(stats) ?? { sequences: 0, tokens: 0, paddedTokens: 0 }
    shares.set(stats, its)
    its.paddedTokens += width
    if (refused.has(row)) continue
    its.sequences++
    its.tokens += rows[row]?.length ?? 0
  }
  for (const [stats, its] of shares) stats.of(model).computed(its)
}

/** Counts what a window need not compute. */
function spare(work: ModelWork, all: RunStats): void {
  const { model } = work.input
  for (const [{ stats }, counts] of work.spared) {
    stats.of(model).spared(counts)
    if (stats !== all) all.of(model).spared(counts)
  }
}

/** What the log says of a batch: where it was computed, for each of its parts, and what was refused. */
function note(
  logger: Logger,
  model: HostedName,
  { parts }: PlannedBatch,
  { vectors, refused, server }: Computed,
): void {
  const { label } = MODELS[modelOf(model)]
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
