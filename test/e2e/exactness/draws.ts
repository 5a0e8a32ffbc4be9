import fc from 'fast-check'

/** What decides the batches, and with them the bytes of the results. */
export interface Settings {
  readonly esmTokenBudget: number
  readonly dnabertTokenBudget: number
  readonly sequencesPerFile: number
  readonly windowFrames: number
  readonly reuseDisk: number
  readonly expectedLength: 300 | 500
}

/** Where a start computes. It decides no byte. */
export interface Where {
  /** How many servers, where the run is on servers: there batches become smaller towards the end of a run. */
  readonly servers: number
  /** Longest time that an answer waits. */
  readonly slowMs: number
  /** One batch in so many is refused when it comes for the first time; 0 refuses none. */
  readonly refuses: number
  readonly seed: number
}

/** A start that does not come to its end. */
export interface Stop {
  /** Batches that it may finish. */
  readonly after: number
  /** Whether it can tidy up, or leaves what is on the disk at that moment, as SIGKILL does. */
  readonly how: 'asked' | 'killed'
  /** What happens to one of its journals before the next start. */
  readonly damage: 'none' | 'cut' | 'flipped'
  readonly where: Where
}

export type Source = 'file' | 'gzip' | 'two files' | 'pipe'

/** Another way to the same results, up to the last digits. */
export type Other =
  | { readonly kind: 'settings'; readonly settings: Settings; readonly threads: number }
  | {
      readonly kind: 'samples'
      readonly parts: number
      readonly settings: Settings
      /** What happens to another start over the same samples. */
      readonly stops: readonly Stop[]
    }
  | { readonly kind: 'shards'; readonly parts: number; readonly settings: Settings }
  | { readonly kind: 'order'; readonly seed: number }
  /** Begun here and finished on servers, or the other way round. */
  | { readonly kind: 'moved'; readonly stop: Stop }

export interface Draw {
  readonly records: { readonly seed: number; readonly count: number; readonly recurring: boolean }
  /** The demonstration in FP32, or models in INT8, of which some frames are computed in FP32 as well, or none. */
  readonly models: 'fp32' | 'int8' | 'int8, rechecked'
  /** Names of files, and what is kept of the parts. */
  readonly layout: 'vanilla' | 'broad'
  readonly keepIntermediate: boolean
  readonly settings: Settings
  readonly onServers: boolean
  readonly source: Source
  readonly stops: readonly Stop[]
  readonly where: Where
  readonly other: Other
}

const seed = fc.integer({ min: 0, max: 2 ** 31 - 1 })

// From one sequence in each batch to all in one; most often some.
const budget = fc.oneof(
  { weight: 1, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.integer({ min: 50, max: 3000 }) },
  { weight: 4, arbitrary: fc.integer({ min: 200, max: 800 }) },
)

const settings: fc.Arbitrary<Settings> = fc.record({
  esmTokenBudget: budget,
  dnabertTokenBudget: budget,
  sequencesPerFile: fc.integer({ min: 3, max: 30 }),
  windowFrames: fc.integer({ min: 5, max: 80 }),
  // None, a few sequences, all.
  reuseDisk: fc.constantFrom(0, 0.000_01, 10),
  expectedLength: fc.constantFrom(300, 500),
})

const where: fc.Arbitrary<Where> = fc.record({
  servers: fc.integer({ min: 1, max: 4 }),
  slowMs: fc.constantFrom(0, 1, 5),
  refuses: fc.constantFrom(0, 0, 7),
  seed,
})

const stop: fc.Arbitrary<Stop> = fc.record({
  after: fc.nat({ max: 40 }),
  how: fc.constantFrom('asked', 'killed'),
  damage: fc.constantFrom('none', 'none', 'cut', 'flipped'),
  where,
})

const stops = fc.array(stop, { maxLength: 3 })

const parts = fc.integer({ min: 1, max: 3 })

const other: fc.Arbitrary<Other> = fc.oneof(
  fc.record({ kind: fc.constant('settings'), settings, threads: fc.constantFrom(1, 2) } as const),
  fc.record({ kind: fc.constant('samples'), parts, settings, stops } as const),
  fc.record({ kind: fc.constant('shards'), parts, settings } as const),
  fc.record({ kind: fc.constant('order'), seed } as const),
  fc.record({ kind: fc.constant('moved'), stop } as const),
)

export const draws: fc.Arbitrary<Draw> = fc.record({
  records: fc.record({ seed, count: fc.integer({ min: 3, max: 14 }), recurring: fc.boolean() }),
  models: fc.constantFrom('fp32', 'fp32', 'fp32', 'fp32', 'int8', 'int8, rechecked'),
  layout: fc.constantFrom('vanilla', 'broad'),
  // Embeddings show more than scores do, and those of the servers more than those of this process.
  keepIntermediate: fc.constantFrom(true, true, true, false),
  settings,
  onServers: fc.constantFrom(true, true, true, false),
  source: fc.constantFrom('file', 'gzip', 'two files', 'pipe'),
  stops,
  where,
  other,
})
