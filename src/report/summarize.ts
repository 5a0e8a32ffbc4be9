import { relative, sep } from 'node:path'
import { ExitCode } from '../exit-codes.ts'
import type { OutputPaths } from '../layout/index.ts'
import type { Summary } from './summary.ts'
import { SUMMARY_FORMAT, SUMMARY_VERSION } from './summary.ts'

/** What a run knows about itself at its end. */
export interface RunFacts
  extends Pick<
    Summary,
    'inputs' | 'models' | 'servers' | 'counts' | 'computed' | 'failures' | 'lengths' | 'warnings'
  > {
  programVersion: string
  name: string
  demonstration: string | undefined
  start: Date
  end: Date
  /** True where an earlier start had been interrupted. */
  continued: boolean
  /** The options of the run; what lets one into a server must not be among them. */
  settings: Readonly<Record<string, unknown>>
  paths: OutputPaths
  invalidRecords: boolean
}

/**
 * @param metrics - undefined where the run writes none
 * @returns the summary of a run; paths in it are seen from the folder of the report, so that all can be moved together
 */
export function summarize(
  facts: RunFacts,
  metrics: { file: string; stages: Summary['stages'] } | undefined,
): Summary {
  const { counts, computed, paths, start, end } = facts
  const seconds = Math.max(0, end.getTime() - start.getTime()) / 1000
  const each = (amount: number) => (seconds > 0 ? rounded(amount / seconds) : 0)
  const here = (path: string) => relative(paths.report, path).split(sep).join('/')
  return {
    format: SUMMARY_FORMAT,
    version: SUMMARY_VERSION,
    program: { name: 'virnucpro', version: facts.programVersion },
    name: facts.name,
    outcome: counts.failedParts > 0 ? 'failed-parts' : 'finished',
    exitCode: counts.failedParts > 0 ? ExitCode.partial : ExitCode.ok,
    ...(facts.demonstration !== undefined && { demonstration: facts.demonstration }),
    time: { start: start.toISOString(), end: end.toISOString(), seconds, continued: facts.continued },
    settings: withNull(facts.settings),
    models: facts.models,
    servers: facts.servers ?? [],
    inputs: facts.inputs,
    counts,
    computed,
    speed: {
      framesPerSecond: each(counts.scoredFrames - Math.min(counts.scoredFrames, counts.framesDoneBefore)),
      tokensPerSecond: { dnabert_s: each(computed.dnabert_s.tokens), esm2: each(computed.esm2.tokens) },
    },
    stages: metrics?.stages ?? [],
    lengths: facts.lengths,
    failures: facts.failures,
    warnings: facts.warnings,
    files: {
      layout: paths.layout,
      predictions: here(paths.predictions),
      consensus: here(paths.consensus),
      invalidRecords: facts.invalidRecords ? here(paths.invalidRecords) : null,
      metrics: metrics?.file ?? null,
    },
  }
}

/** JSON has no undefined: a setting that is not set stands there as null. */
function withNull(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, value ?? null]))
}

function rounded(value: number): number {
  return Number(value.toPrecision(6))
}
