import type { FailedModel } from './errors.ts'

/** What a health check has found. */
export type Health =
  | { readonly kind: 'silent' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly models: readonly FailedModel[] }

/**
 * A health check over HTTP. A server answers only after its first attempt to load every model.
 *
 * @param url `http://127.0.0.1:8000`
 */
export async function checkHealth(url: string): Promise<Health> {
  const ready = await ask(`${url}/v2/health/ready`)
  if (ready === undefined) return { kind: 'silent' }
  if (ready.ok) return { kind: 'ready' }
  const index = await ask(`${url}/v2/repository/index`, 'POST')
  const models: unknown = index?.ok ? await index.json().catch(() => []) : []
  const failed = (Array.isArray(models) ? models : []).map(toFailed).filter((model) => model !== undefined)
  return failed.length > 0 ? { kind: 'failed', models: failed } : { kind: 'loading' }
}

/** An entry of the repository index with a reason why it is not available. */
function toFailed(entry: unknown): FailedModel | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const { name, version, state, reason } = entry as Record<string, unknown>
  if (state !== 'UNAVAILABLE' || typeof reason !== 'string' || reason === '' || reason === 'unloaded')
    return undefined
  return { name: String(name), version: typeof version === 'string' ? version : '', reason: reason.trim() }
}

/** A connection kept open would hold the server back from stopping, until its exit timeout. */
async function ask(url: string, method: 'GET' | 'POST' = 'GET'): Promise<Response | undefined> {
  try {
    return await fetch(url, {
      method,
      headers: { connection: 'close' },
      keepalive: false,
      signal: AbortSignal.timeout(5000),
    })
  } catch {
    return undefined
  }
}
