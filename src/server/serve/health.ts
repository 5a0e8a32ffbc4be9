import * as v from 'valibot'
import type { FailedModel } from './errors.ts'

/** An entry of the repository index with a reason why it is not available. */
const FailedSchema = v.object({
  name: v.string(),
  version: v.optional(v.string(), ''),
  state: v.literal('UNAVAILABLE'),
  reason: v.pipe(v.string(), v.notValues(['', 'unloaded']), v.trim()),
})

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
  const failed = (Array.isArray(models) ? models : []).flatMap((model) => {
    const { success, output } = v.safeParse(FailedSchema, model)
    return success ? [output] : []
  })
  return failed.length > 0 ? { kind: 'failed', models: failed } : { kind: 'loading' }
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
