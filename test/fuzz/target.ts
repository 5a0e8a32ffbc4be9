import type fc from 'fast-check'

/** What is fuzzed: one reader, its inputs, and what its results are compared with. Loading its file starts nothing. */
export interface Target {
  /** As its file in `targets/`. */
  readonly name: string
  /** What is compared with what. */
  readonly about: string
  /** Share of the time, against those of the others. */
  readonly weight: number
  /** One execution is one input through our code and the comparison. */
  // biome-ignore lint/suspicious/noExplicitAny: each target has inputs of its own type
  property(): fc.IProperty<any> | fc.IAsyncProperty<any>
}
