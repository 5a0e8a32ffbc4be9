import { relative, sep } from 'node:path'
import { version } from '../../package.json' with { type: 'json' }
import { FEATURE_ORDER, forModels } from '../bundle/index.ts'
import { ExitCode } from '../exit-codes.ts'
import { FILES, type FileName, fixedFiles, type OutputPaths } from '../layout/index.ts'
import { MODEL_COUNTS, pick, type RunStats, SPARED_COUNTS } from '../monitor/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { isThere } from '../system/same-file.ts'
import type { Summary } from './summary.ts'
import { SUMMARY_FORMAT, SUMMARY_VERSION } from './summary.ts'

/** What a run knows about itself at its end. */
export interface RunFacts extends Pick<Summary, 'models' | 'servers' | 'failures' | 'recheck'> {
  stats: RunStats
  options: PredictOptions
  paths: OutputPaths
  inputs: readonly Pick<Summary['inputs'][number], 'path' | 'bytes' | 'sha256'>[]
  start: Date
  /** How long it took. @default from the start to now by the time of day */
  seconds?: number
  /** True where an earlier start had been interrupted. */
  continued: boolean
  demonstration: string | undefined
  /** Whether there is a list of records left out or unusual. */
  recordsListed: boolean
  warnings: readonly string[]
  /** How many rows files have, by their names in the catalogue, where that was counted. */
  rows: RowCounts
}

export type RowCounts = Readonly<Partial<Record<FileName, number>>>

/**
 * @param metrics - undefined where the run writes none
 * @returns the summary of a run; paths in it are seen from the folder of the report, so that all can be moved together
 */
export function summarize(
  facts: RunFacts,
  metrics: { file: string; stages: Summary['stages'] } | undefined,
  outputs: Summary['outputs'],
): Summary {
  const { stats, paths, start, demonstration } = facts
  const { counts } = stats
  const end = new Date()
  const seconds = facts.seconds ?? Math.max(0, end.getTime() - start.getTime()) / 1000
  const each = (amount: number) => (seconds > 0 ? Number((amount / seconds).toPrecision(6)) : 0)
  const here = (path: string) => relative(paths.report, path).split(sep).join('/')
  const failed = counts.failedParts > 0
  const speeds = Object.fromEntries(FEATURE_ORDER.map((model) => [model, each(stats.models[model].tokens)]))
  return {
    format: SUMMARY_FORMAT,
    version: SUMMARY_VERSION,
    program: { name: 'virnucpro', version },
    name: paths.stem,
    outcome: failed ? 'failed-parts' : 'finished',
    exitCode: failed ? ExitCode.partial : ExitCode.ok,
    ...(demonstration !== undefined && { demonstration }),
    time: { start: start.toISOString(), end: end.toISOString(), seconds, continued: facts.continued },
    settings: settingsOf(facts.options),
    models: facts.models,
    servers: facts.servers,
    inputs: facts.inputs.map((input, i) => ({ ...input, ...stats.inputs[i]! })),
    counts,
    computed: forModels((model) => pick(stats.models[model], [...MODEL_COUNTS, ...SPARED_COUNTS])),
    speed: {
      framesPerSecond: each(counts.scoredFrames - Math.min(counts.scoredFrames, counts.framesDoneBefore)),
      tokensPerSecond: speeds as Summary['speed']['tokensPerSecond'],
    },
    stages: metrics?.stages ?? [],
    lengths: { records: stats.lengths.records.summary(), chunks: stats.lengths.chunks.summary() },
    ...(facts.recheck !== undefined && { recheck: facts.recheck }),
    failures: facts.failures,
    warnings: [...facts.warnings],
    files: {
      layout: paths.layout,
      predictions: here(paths.predictions),
      consensus: here(paths.consensus),
      invalidRecords: facts.recordsListed ? here(paths.invalidRecords) : null,
      failedFrames: failed ? here(paths.failedFrames) : null,
      metrics: metrics?.file ?? null,
    },
    outputs,
  }
}

/** The files of a run that are there, and those that are about to be written; part files are not named one by one. */
export async function outputsOf(
  paths: OutputPaths,
  rows: RowCounts,
  written: readonly FileName[],
  keepsIntermediates: boolean,
): Promise<NonNullable<Summary['outputs']>> {
  const outputs: NonNullable<Summary['outputs']> = []
  for (const [name, path] of fixedFiles(paths)) {
    const { role, form } = FILES[name]
    // Intermediate files of an earlier start go at the end.
    if (role === 'intermediate' && !keepsIntermediates) continue
    if (!written.includes(name) && !(await isThere(path))) continue
    const place = relative(paths.root, path).split(sep).join('/')
    outputs.push({ name, path: place, form, rows: rows[name] ?? null })
  }
  return outputs
}

/**
 * Keys and headers give access to a server: the summary says only that they were given. JSON has no undefined: a setting that
 * is not set is null there.
 */
function settingsOf({ inputs: _, tritonAccess, ...rest }: PredictOptions): Record<string, unknown> {
  const { ca, cert, key, header } = tritonAccess
  const given = (secret: string | undefined) => (secret === undefined ? undefined : 'given')
  const all = { ...rest, tritonCa: ca, tritonCert: cert, tritonKey: given(key), tritonHeader: given(header) }
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value ?? null]))
}
