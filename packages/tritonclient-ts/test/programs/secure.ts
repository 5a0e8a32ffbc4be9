import { readFileSync } from 'node:fs'
import type * as triton from '../../src/index.ts'

/** What comes of an encrypted call with good and with bad certificates. Paths are without `.crt` and `.key`. */
export async function secure(
  { TritonClient, TritonError }: typeof triton,
  url: string,
  paths: { readonly ca: string; readonly otherCa: string; readonly client: string },
): Promise<Record<string, unknown>> {
  const read = (path: string) => readFileSync(path, 'utf8')
  const own = { cert: read(`${paths.client}.crt`), key: read(`${paths.client}.key`) }
  const call = async (tls: triton.TlsOptions) => {
    using client = new TritonClient({ url, tls })
    return await client
      .serverLive()
      .catch((error) => error instanceof TritonError && [error.code, error.reason, error.attempts])
  }
  const ca = read(paths.ca)
  return {
    mutual: await call({ ca, ...own }),
    byName: await call({ ca, ...own, serverName: 'triton.example' }),
    unknownAuthority: await call(own),
    otherAuthority: await call({ ca: read(paths.otherCa), ...own }),
    otherName: await call({ ca, ...own, serverName: 'other.example' }),
  }
}

/** What is said of an encrypted connection that is not made, after the sentence that says so. */
export async function refusals(
  { TritonClient, TritonError }: typeof triton,
  attempts: readonly { readonly url: string; readonly ca: string; readonly client?: string }[],
): Promise<string[]> {
  const said = attempts.map(async ({ url, ca, client }) => {
    const own =
      client === undefined ? {} : { cert: readFileSync(`${client}.crt`), key: readFileSync(`${client}.key`) }
    using triton = new TritonClient({ url, tls: { ca: readFileSync(ca), ...own }, deadlineMs: 20_000 })
    const error = await triton.serverLive().catch((failure: unknown) => failure)
    if (!(error instanceof TritonError)) return `${error}`
    const sentence = /could not be made: (.*?) \(/.exec(error.message)?.[1] ?? error.message
    return `${error.reason}: ${sentence}`
  })
  return await Promise.all(said)
}
