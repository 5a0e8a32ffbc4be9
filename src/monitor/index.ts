// What a run writes about itself, line by line.

export type { MonitoredLane, MonitoredServer } from './lanes.ts'
export {
  type DeviceMetrics,
  METRICS_VERSION,
  type MetricsEnd,
  MetricsError,
  type MetricsLine,
  type MetricsSample,
  type MetricsStart,
  type MetricsWarning,
  type ModelMetrics,
  metricsSchema,
  type Outcome,
  readMetrics,
  type StageMetrics,
  type StageName,
  type WarningCode,
} from './metrics.ts'
// Watching a run.
export { requireMetricsPort } from './metrics-server.ts'
export { type MonitorOptions, RunMonitor } from './monitor.ts'
export type { BatchDone } from './work.ts'
