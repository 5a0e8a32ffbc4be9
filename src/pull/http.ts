import { NoInputError, TryAgainError, UnavailableError } from '../system/errors.ts'
import { foreign, Secret } from '../system/printable.ts'
import { messageOf } from '../system/problems.ts'

const MOST_REDIRECTS = 10
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000
/** A server that asks for more is asked again by hand. */
const LONGEST_WAIT_S = 300

/** A request failed in a way that the next one may not. */
class PassingFault extends Error {
  readonly afterSeconds: number | undefined

  constructor(message: string, options: { cause?: unknown; afterSeconds?: number | undefined } = {}) {
    super(message, { cause: options.cause })
    this.afterSeconds = options.afterSeconds
  }
}

/** An answer, and what the answers that led to it said. */
export interface Answer {
  readonly response: Response
  /** The first of this header on the way. */
  header(name: string): string | undefined
  /** Where it came from. */
  readonly url: string
  /** Bytes of the body; each restarts the deadline. */
  body(): AsyncGenerator<Uint8Array>
  /** The rest of the body is not wanted. */
  close(): void
}

export interface ClientOptions {
  /** A server that sends nothing for so long is given up. */
  readonly timeoutMs: number
  /** Failures in a row before giving up. */
  readonly retries: number
  /** Sent to this origin alone, over any redirect. */
  readonly token?: { readonly origin: string; readonly value: string } | undefined
  readonly signal: AbortSignal
  /** Hears of each retry. */
  readonly onRetry: (message: string) => void
}

/** Requests over HTTP that outlast cut connections, busy servers and silence. Bun's fetch takes proxies from the environment. */
export class Client {
  readonly #options: ClientOptions
  readonly #token: { origin: string; authorization: Secret } | undefined

  constructor(options: ClientOptions) {
    this.#options = options
    const { token } = options
    if (token !== undefined)
      this.#token = {
        origin: token.origin,
        authorization: new Secret(`Authorization: Bearer ${token.value}`),
      }
  }

  /** The same client, stopped by another signal too. */
  until(signal: AbortSignal): Client {
    return new Client({ ...this.#options, signal: AbortSignal.any([signal, this.#options.signal]) })
  }

  /**
   * Does something again until it succeeds, with pauses that double.
   *
   * @param work - calls its argument whenever it has got further: failures are counted from there
   * @throws TryAgainError when it failed too often and something had come; else UnavailableError
   */
  async persist<Result>(what: string, work: (advanced: () => void) => Promise<Result>): Promise<Result> {
    const { signal, retries, onRetry } = this.#options
    let hasAdvanced = false
    for (let failures = 0; ; ) {
      signal.throwIfAborted()
      try {
        return await work(() => {
          failures = 0
          hasAdvanced = true
        })
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof PassingFault)) throw error
        failures++
        const { afterSeconds = 0 } = error
        if (failures > retries || afterSeconds > LONGEST_WAIT_S) throw givenUp(what, error, hasAdvanced)
        const pause = Math.max(afterSeconds * 1000, backoff(failures))
        onRetry(`${what}: ${error.message}; trying again in ${(pause / 1000).toFixed(1)} s`)
        await sleep(pause, signal)
      }
    }
  }

  /** One request, over redirects. @throws PassingFault, or an error that stays */
  async request(address: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const seen: Headers[] = []
    for (let url = new URL(address); ; ) {
      if (seen.length > MOST_REDIRECTS) throw new UnavailableError(`${shown(address)}: redirects in a circle`)
      const deadline = new Deadline(this.#options)
      const response = await this.#fetch(url, headers, deadline)
      seen.push(response.headers)
      const location = response.headers.get('location')
      if (![301, 302, 303, 307, 308].includes(response.status) || location === null) {
        const answer = new OpenAnswer(response, url.href, seen, deadline)
        if (response.ok) return answer
        answer.close()
        throw refusal(response, url)
      }
      deadline.end()
      const next = URL.parse(location, url.href)
      if (
        next === null ||
        !/^https?:$/.test(next.protocol) ||
        (url.protocol === 'https:' && next.protocol === 'http:')
      )
        throw new UnavailableError(`${shown(address)}: refused a redirect to ${foreign(location, 200)}`)
      url = next
    }
  }

  async #fetch(url: URL, headers: Readonly<Record<string, string>>, deadline: Deadline): Promise<Response> {
    const authorization =
      url.origin === this.#token?.origin
        ? { authorization: this.#token.authorization.reveal().replace(/^\S+ /, '') }
        : {}
    try {
      return await fetch(url.href, {
        headers: { 'accept-encoding': 'identity', ...headers, ...authorization },
        redirect: 'manual',
        decompress: false,
        // The switch of Node that accepts every certificate would let anybody give the weights and take the token.
        ...(process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0' && { tls: { rejectUnauthorized: true } }),
        signal: deadline.signal,
      })
    } catch (error) {
      deadline.end()
      throw broken(error, url.href)
    }
  }
}

class OpenAnswer implements Answer {
  readonly response: Response
  readonly url: string
  readonly #seen: readonly Headers[]
  readonly #deadline: Deadline

  constructor(response: Response, url: string, seen: readonly Headers[], deadline: Deadline) {
    this.response = response
    this.url = url
    this.#seen = seen
    this.#deadline = deadline
  }

  header(name: string): string | undefined {
    return this.#seen.map((headers) => headers.get(name)).find((value) => value !== null) ?? undefined
  }

  async *body(): AsyncGenerator<Uint8Array> {
    try {
      for await (const bytes of this.response.body ?? []) {
        // What is done with the bytes takes its own time.
        this.#deadline.pause()
        yield bytes
        this.#deadline.restart()
      }
    } catch (error) {
      throw broken(error, this.url)
    } finally {
      this.#deadline.end()
    }
  }

  close(): void {
    this.#deadline.end()
    this.#deadline.abort()
  }
}

/** Ends a request that has not got further for too long, or when the work is stopped. */
class Deadline {
  readonly #silence = new AbortController()
  readonly #milliseconds: number
  readonly signal: AbortSignal
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor({ timeoutMs, signal }: Pick<ClientOptions, 'timeoutMs' | 'signal'>) {
    this.#milliseconds = timeoutMs
    this.signal = AbortSignal.any([signal, this.#silence.signal])
    this.restart()
  }

  restart(): void {
    this.pause()
    this.#timer = setTimeout(() => {
      this.#silence.abort(new PassingFault(`nothing came for ${this.#milliseconds / 1000} s`))
    }, this.#milliseconds)
  }

  pause(): void {
    clearTimeout(this.#timer)
  }

  end(): void {
    this.pause()
  }

  abort(): void {
    this.#silence.abort()
  }
}

/** A fault that passes, as the error of a server that is not asked again. */
function givenUp(
  what: string,
  { message, cause, afterSeconds = 0 }: PassingFault,
  hasAdvanced: boolean,
): Error {
  const isTooLong = afterSeconds > LONGEST_WAIT_S
  const wait = isTooLong ? ` and asks to wait ${afterSeconds} s` : ''
  return hasAdvanced || isTooLong
    ? new TryAgainError(`${what}: ${message}${wait}; what has come is kept`, { cause })
    : new UnavailableError(`${what}: ${message}`, { cause, ...ELSEWHERE })
}

/** Faults of the connection pass, those of a proxy or a certificate stay. */
function broken(error: unknown, url: string): Error {
  if (error instanceof PassingFault) return error
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException
  const text = `${code} ${messageOf(error)}`
  if (/UnsupportedProxyProtocol/.test(text))
    return new UnavailableError('the proxy of HTTP_PROXY or HTTPS_PROXY must be http:// or https://', {
      cause: error,
    })
  const { host } = new URL(url)
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(code))
    return new UnavailableError(`${host}: its certificate is not trusted (${code})`, { cause: error })
  // Whatever else was thrown is no fault of the network.
  if (
    !(error instanceof TypeError) &&
    !/^(E[A-Z_]+|Connection|FailedToOpen|Timeout|HTTP|Malformed)/.test(code)
  )
    return error as Error
  return new PassingFault(
    `${host}: ${REASONS[code] ?? `the connection failed (${code || messageOf(error)})`}`,
    {
      cause: error,
    },
  )
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNRESET: 'the connection was cut',
  ECONNREFUSED: 'no connection: nothing answers there',
  ENOTFOUND: 'no such host, or no network',
  EAI_AGAIN: 'no such host, or no network',
}

/** What an answer means that is no success. */
function refusal({ status, headers }: Response, url: URL): Error {
  const from = `${url.host} answered ${status}`
  if (status === 404 || status === 410)
    return new NotThereError(`${from}: there is no ${shown(url.href)}`, ELSEWHERE)
  if (status === 401 || status === 403)
    return new UnavailableError(`${from}: it does not give ${shown(url.href)} to this client`, {
      detail: { code: 'download-refused', data: {} },
    })
  if (status === 407) return new UnavailableError(`${from}: the proxy wants a user name and a password`)
  if (status === 408 || status === 429 || status >= 500)
    return new PassingFault(from, { afterSeconds: retryAfter(headers) })
  return new UnavailableError(`${from} to the request for ${shown(url.href)}`)
}

/** What may be tried with any server that does not give a file. */
const ELSEWHERE = { detail: { code: 'no-download', data: {} } } as const

/** A server does not have a file. */
export class NotThereError extends NoInputError {}

/** A download must be asked for once more: the server sent less than it was to, or anything else that passes. */
export function passing(message: string): Error {
  return new PassingFault(message)
}

/** An address for a message: without what may let one in. */
export function shown(address: string): string {
  const url = URL.parse(address)
  return url === null ? foreign(address, 200) : foreign(`${url.origin}${url.pathname}`, 200)
}

/** Seconds, or a date. Source: RFC 9110, section 10.2.3. */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined
}

/** Doubles, and differs between clients that were cut off together. */
function backoff(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)) * (1 - Math.random() / 4)
}

async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, milliseconds)
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}
