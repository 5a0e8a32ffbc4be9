import { UnavailableError } from '../system/errors.ts'

const CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/**
 * Answers with the last sample at `/metrics`, to programs of this machine only.
 *
 * @throws UnavailableError when the port cannot be had
 */
export function serveMetrics(port: number, text: () => string): { stop(): Promise<void> } {
  try {
    return Bun.serve({
      hostname: '127.0.0.1',
      port,
      fetch(request) {
        if (new URL(request.url).pathname !== '/metrics')
          return new Response('the metrics are at /metrics\n', { status: 404 })
        if (request.method !== 'GET' && request.method !== 'HEAD') return new Response(null, { status: 405 })
        return new Response(text(), { headers: { 'content-type': CONTENT_TYPE } })
      },
    })
  } catch (cause) {
    const inUse = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const reason = inUse ? 'another program listens there' : cause instanceof Error ? cause.message : cause
    throw new UnavailableError(`cannot serve metrics at port ${port}: ${reason}`, {
      cause,
      detail: { code: 'metrics-port', data: {} },
    })
  }
}

/**
 * Makes sure that a port can be had, before anything is computed or written.
 *
 * @throws UnavailableError when it cannot
 */
export async function requireMetricsPort(port: number): Promise<void> {
  await serveMetrics(port, () => '').stop()
}
