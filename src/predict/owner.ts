import type { AdoptedVectors, Journal, JournalEntry } from '../checkpoint/index.ts'
import type { RunStats } from '../monitor/index.ts'

/** Where the embeddings of finished batches are kept. */
export interface BatchJournal extends AsyncDisposable {
  append(entry: JournalEntry): void
  remove(): Promise<void>
}

/** Whose parts are embedded: what of a run has to do with that. */
export interface Owner<Kept extends BatchJournal = Journal> {
  readonly folder: {
    /** @param visit - is given every entry that an interrupted run left */
    openJournal(first: number, visit: (entry: JournalEntry) => void): Promise<Kept>
    removeJournal(first: number): Promise<void>
  }
  readonly stats: RunStats
  /** Embeddings of another program's run; its parts then share their windows with those of no other run. */
  readonly adopted?: AdoptedVectors | undefined
}
