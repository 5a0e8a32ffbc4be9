// What a run counts, what is sampled, shown and warned of while it goes on.

// What a run counts.
export type { LengthSummary } from './lengths.ts'
export {
  type DeviceMetrics,
  type MetricsEnd,
  type MetricsLine,
  type MetricsSample,
  readMetrics,
} from './metrics.ts'
export { requireMetricsPort } from './metrics-server.ts'
export { type MonitorOptions, type Progress, RunMonitor } from './monitor.ts'
export {
  COUNT_MEANINGS,
  INPUT_COUNTS,
  MODEL_COUNTS,
  type ModelCounts,
  pick,
  RUN_COUNTS,
  type RunCounts,
  RunStats,
  SPARED_COUNTS,
  type SparedCounts,
  STAGES,
  type StageName,
  zeros,
} from './run-stats.ts'
// Watching a run.
export type { MonitoredLane, MonitoredServer } from './sampling/sampler.ts'
