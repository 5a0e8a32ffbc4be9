import { TritonClient, TritonError } from '#tritonclient-ts'
import type { ErrorCodes } from '../../system/error-codes.ts'
import { UnavailableError, UsageError } from '../../system/errors.ts'
import { foreign } from '../../system/printable.ts'
import { readCertificates, type TritonAccess } from './certificates.ts'

export type { TritonAccess } from './certificates.ts'

/**
 * Most bytes of a server's answer: four times that of the largest batch of the largest published model. A lane has batches
 * computed in pieces whose answers are no larger.
 */
export const MOST_ANSWER_BYTES = 64 * 2 ** 20

/** @throws UsageError for an address, certificate or header that cannot be used */
export function connect(url: string, access: TritonAccess): TritonClient {
  const tls = /^grpcs:/i.test(url) ? readCertificates(access) : undefined
  const [name, value] = access.header?.split(/:\s*(.*)/s) ?? []
  try {
    return new TritonClient({
      url,
      ...(tls !== undefined && { tls }),
      ...(name === undefined || value === undefined ? {} : { headers: { [name.toLowerCase()]: value } }),
      // The queue tries again elsewhere; an attempt here would only hide from it that a server is in trouble.
      retry: false,
      maxAnswerBytes: MOST_ANSWER_BYTES,
    })
  } catch (error) {
    throw new UsageError(describe(error), { cause: error })
  }
}

/** A server does not let this client in, and will not without a change on one of the two sides. */
export class AccessError extends UnavailableError {}

const REFUSALS: Readonly<Record<string, ErrorCodes['no-access']['lacks']>> = {
  UNAUTHENTICATED: 'credentials',
  PERMISSION_DENIED: 'credentials',
  UNIMPLEMENTED: 'address',
}

/** @returns undefined where a later attempt may be answered otherwise */
export function accessError(error: unknown): AccessError | undefined {
  if (!(error instanceof TritonError)) return undefined
  const lacks = error.reason === 'tls' ? 'certificates' : REFUSALS[error.code]
  if (lacks === undefined) return undefined
  return new AccessError(`${foreign(error.message)}. What is done is kept`, {
    cause: error,
    detail: { code: 'no-access', data: { lacks } },
  })
}

/** What an error says, with the failed call behind it; part of it may be a server's own words. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return foreign(String(error))
  // The client's errors repeat what gRPC says in their own words.
  return foreign(
    error.cause instanceof TritonError ? `${error.message}: ${error.cause.message}` : error.message,
  )
}
