import type { Socket } from 'node:net'
import type { ChannelCredentials } from '@grpc/grpc-js'

/** What a connection gets to say goodbye. */
const GRACE_MS = 1_000

/**
 * The sockets of a channel, which end with it. Otherwise some stay open for as long as both programs live: Bun 1.4.5 never ends a
 * session in which the answer to a cancelled call has come all the same.
 */
export class Sockets {
  readonly #open = new Set<Socket>()

  /** Lets these credentials, which belong to one channel, tell of each connection. */
  notedBy(credentials: ChannelCredentials): ChannelCredentials {
    const make = credentials._createSecureConnector.bind(credentials)
    credentials._createSecureConnector = (...target) => {
      const connector = make(...target)
      const connect = connector.connect.bind(connector)
      connector.connect = async (socket) => {
        const connected = await connect(socket)
        this.#add(connected.socket)
        return connected
      }
      return connector
    }
    return credentials
  }

  /** Ends what does not end by itself. */
  end(): void {
    const timer = setTimeout(() => {
      for (const socket of this.#open) socket.destroy()
    }, GRACE_MS)
    timer.unref()
  }

  #add(socket: Socket): void {
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
  }
}
