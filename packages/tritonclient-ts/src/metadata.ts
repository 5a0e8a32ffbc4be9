import { Metadata } from '@grpc/grpc-js'
import { invalidArgument } from './errors.ts'
import type { CallOptions, ClientOptions, Headers } from './options.ts'

/** What goes with a call as HTTP/2 headers: the client's, then those of the call, which replace. */
export async function callMetadata(common: ClientOptions['headers'], call: CallOptions): Promise<Metadata> {
  const metadata = new Metadata({ waitForReady: call.waitForReady ?? false })
  const first = typeof common === 'function' ? await common() : common
  for (const headers of [first, call.headers]) if (headers !== undefined) set(metadata, headers)
  return metadata
}

function set(metadata: Metadata, headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      metadata.remove(name)
      const values = typeof value === 'string' || value instanceof Uint8Array ? [value] : value
      for (const each of values) metadata.add(name, typeof each === 'string' ? each : Buffer.from(each))
    } catch (cause) {
      // The value may be a secret: it is not shown, nor is grpc-js's message, which shows it.
      throw invalidArgument(
        `header "${name}" cannot be sent: names are letters, digits, "-", "_" and "."; values are printable ASCII, and bytes need a name that ends in "-bin"`,
        cause instanceof TypeError ? { cause } : {},
      )
    }
  }
}
