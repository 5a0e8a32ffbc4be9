import { type Client, connectivityState } from '@grpc/grpc-js'

/** Silence that says something about a connection; anything shorter may be the work of the server. */
const SILENCE_MS = 1_000

/** A connection to a server, with the calls that are under way on it. */
interface Line {
  readonly channel: Client
  calls: number
  /** When something came back last. */
  heardAt: number
}

/** A call that has its connection. */
export interface LineCall {
  readonly channel: Client
  /** @param how - `heard`: something came back, `late`: nothing by the deadline, `stopped`: nobody wants it any more */
  end(how: 'heard' | 'late' | 'stopped'): void
}

/**
 * The connections to one server, of which calls take the newest.
 *
 * A firewall that has forgotten a connection says nothing, and the system sends again for a quarter of an hour. So when nothing came
 * back for a call by its deadline, and for no other meanwhile, later calls get a new connection; those under way keep theirs.
 */
export class Lines {
  readonly #open: () => Client
  readonly #lines = new Set<Line>()
  #newest: Line

  constructor(open: () => Client) {
    this.#open = open
    this.#newest = this.#add()
  }

  begin(): LineCall {
    const line = this.#newest
    const began = performance.now()
    let isOver = false
    line.calls++
    return {
      channel: line.channel,
      end: (how) => {
        if (isOver) return
        isOver = true
        line.calls--
        if (how === 'heard') line.heardAt = performance.now()
        const isSilent = line.heardAt <= began && performance.now() - began >= SILENCE_MS
        if (how === 'late' && isSilent && this.#isUsed(line)) this.#newest = this.#add()
        if (line !== this.#newest && line.calls === 0) this.#remove(line)
      },
    }
  }

  close(): void {
    for (const line of this.#lines) this.#remove(line)
  }

  /** One that is still being made needs its time, however long that is. */
  #isUsed(line: Line): boolean {
    if (line !== this.#newest || !this.#lines.has(line)) return false
    return line.channel.getChannel().getConnectivityState(false) === connectivityState.READY
  }

  #add(): Line {
    const line = { channel: this.#open(), calls: 0, heardAt: performance.now() }
    this.#lines.add(line)
    return line
  }

  #remove(line: Line): void {
    if (this.#lines.delete(line)) closeWhenMade(line.channel)
  }
}

/**
 * Closes a connection that is being made once it stands or has failed. Closed before, grpc-js 1.14.7 connects all the same, and
 * the socket stays open for as long as both programs live.
 */
function closeWhenMade(client: Client): void {
  const channel = client.getChannel()
  const { CONNECTING } = connectivityState
  if (channel.getConnectivityState(false) !== CONNECTING) client.close()
  else
    channel.watchConnectivityState(CONNECTING, Number.POSITIVE_INFINITY, () =>
      // Later: what hears of the change after us would connect again.
      setImmediate(() => closeWhenMade(client)),
    )
}
