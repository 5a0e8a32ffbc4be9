import type { ArgGroup } from '../parse/arg.ts'

export const monitorArgs: ArgGroup = {
  title: 'Watching a run',
  args: [
    {
      name: 'progress',
      long: ['progress'],
      negatable: true,
      shownNegated: true,
      help: 'do not show progress',
    },
    {
      name: 'metrics',
      long: ['metrics'],
      negatable: true,
      shownNegated: true,
      help: 'do not write metrics.jsonl and metrics.prom into the folder of the report',
    },
    {
      name: 'metricsInterval',
      long: ['metrics-interval'],
      hint: 'SECONDS',
      help: 'time between two samples [default: 10]',
    },
    {
      name: 'metricsHttpPort',
      long: ['metrics-port'],
      hint: 'N',
      help: 'port of this machine at which Prometheus can fetch the metrics of the run [default: none]',
    },
    {
      name: 'tritonMetrics',
      long: ['triton-metrics'],
      hint: 'http://HOST:PORT[,…]',
      help: 'where each server of --triton answers for Prometheus [default: the port after that of gRPC]',
    },
  ],
}
