import { createHash } from 'node:crypto'

/** A request that a mirror has answered. */
interface Seen {
  readonly path: string
  readonly range: string | null
  readonly authorization: string | null
  readonly headers: Headers
}

/** Answers in place of the mirror; undefined leaves it to the mirror. */
type Behaviour = (seen: Seen, times: number) => Response | undefined | Promise<Response | undefined>

export interface Mirror extends AsyncDisposable {
  readonly url: string
  /** Content by path, with a slash at its start. */
  readonly files: Map<string, Uint8Array>
  readonly requests: Seen[]
  /** `times`: how many requests for this path came before. */
  behave: Behaviour
  /** Bytes per second of each connection; undefined for no limit. */
  speed: number | undefined
  hasRanges: boolean
}

/** A real server of files over HTTP, or HTTPS with a certificate, with ranges, that can be made to misbehave. */
export function startMirror(
  files: Record<string, Uint8Array> = {},
  tls?: { readonly key: string; readonly cert: string },
): Mirror {
  const mirror: Omit<Mirror, 'url' | typeof Symbol.asyncDispose> = {
    files: new Map(Object.entries(files)),
    requests: [],
    behave: () => undefined,
    speed: undefined,
    hasRanges: true,
  }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 60,
    ...(tls !== undefined && { tls: { key: tls.key, cert: tls.cert } }),
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      const seen: Seen = {
        path: pathname + search,
        range: request.headers.get('range'),
        authorization: request.headers.get('authorization'),
        headers: request.headers,
      }
      const times = mirror.requests.filter(({ path }) => path === seen.path).length
      mirror.requests.push(seen)
      const special = await mirror.behave(seen, times)
      if (special !== undefined) return special
      const content = mirror.files.get(pathname)
      if (content === undefined) return new Response('not here', { status: 404 })
      return fileAnswer(content, mirror.hasRanges ? seen.range : null, mirror.speed)
    },
  })
  return Object.assign(mirror, {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server.stop(true),
  })
}

/** The content, or the range of it that was asked for. */
export function fileAnswer(content: Uint8Array, range: string | null, speed?: number): Response {
  const etag = `"${createHash('md5').update(content).digest('hex')}"`
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  const [start, end] = from === undefined ? [0, content.length] : [Number(from), Number(to) + 1]
  const part = content.subarray(start, end)
  return new Response(speed === undefined ? part : slowly(part, speed), {
    status: from === undefined ? 200 : 206,
    headers: {
      etag,
      'content-type': 'application/octet-stream',
      'content-length': String(part.length),
      ...(from === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${content.length}` }),
    },
  })
}

const TICK_MS = 20

function slowly(part: Uint8Array, speed: number): ReadableStream {
  const size = Math.max(1, Math.ceil((speed * TICK_MS) / 1000))
  let at = 0
  return new ReadableStream({
    async pull(controller) {
      await Bun.sleep(TICK_MS)
      controller.enqueue(part.subarray(at, at + size))
      at += size
      if (at >= part.length) controller.close()
    },
  })
}

/** Sends some bytes of a longer body and cuts the connection, or falls silent. */
export function brokenOff(
  content: Uint8Array,
  range: string | null,
  sent: number,
  end: 'cut' | 'silence',
): Response {
  const whole = fileAnswer(content, range)
  const [, from = '0'] = /^bytes=(\d+)-/.exec(range ?? '') ?? []
  const stream = new ReadableStream({
    async start(controller) {
      controller.enqueue(content.subarray(Number(from), Number(from) + sent))
      if (end === 'silence') return
      await Bun.sleep(20)
      controller.error(new Error('cut on purpose'))
    },
  })
  return new Response(stream, { status: whole.status, headers: whole.headers })
}
