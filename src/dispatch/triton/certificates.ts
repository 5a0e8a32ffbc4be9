import { createPrivateKey, X509Certificate } from 'node:crypto'
import { getCACertificates } from 'node:tls'
import type { TlsOptions } from '#tritonclient-ts'
import type { PredictOptions } from '../../settings/index.ts'
import { UsageError } from '../../system/errors.ts'
import { MOST_BYTES, readWithinSync } from '../../system/read-within.ts'
import { ReadError } from '../../system/system-error.ts'

/** Credentials for a server. */
export type TritonAccess = Partial<PredictOptions['tritonAccess']>

/**
 * The certificates of an encrypted connection, looked at before anything is sent: what TLS says about them names no file.
 *
 * @throws UsageError for what is none; ReadError
 */
export function readCertificates({ ca, cert, key }: TritonAccess): TlsOptions {
  if (cert !== undefined && key === undefined) throw unusable(cert, 'a certificate of a client needs its key')
  if (key !== undefined && cert === undefined) throw unusable(key, 'a key needs its certificate')
  return {
    ...authorities(ca),
    ...(cert !== undefined && key !== undefined && readPair(cert, key)),
  }
}

function authorities(path: string | undefined): TlsOptions {
  if (path !== undefined) return { ca: readAuthority(path) }
  // A variable of gRPC, which it looks at by itself.
  if (process.env.GRPC_DEFAULT_SSL_ROOTS_FILE_PATH) return {}
  return { ca: usualAuthorities() }
}

let usual: string | undefined

/**
 * Those of the system, too, to which an organization adds its own: gRPC takes those of the runtime alone. Put together once, for
 * all servers of a run.
 */
function usualAuthorities(): string {
  usual ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])].join('\n')
  return usual
}

function readAuthority(path: string): Uint8Array {
  const content = readPem(path)
  parseCertificate(path, content)
  return content
}

function readPair(certPath: string, keyPath: string): { cert: Uint8Array; key: Uint8Array } {
  const [cert, key] = [readPem(certPath), readPem(keyPath)]
  const certificate = parseCertificate(certPath, cert)
  const text = key.toString('latin1')
  if (/^-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(text))
    throw unusable(keyPath, 'the key is encrypted, and its passphrase is not asked for; name a copy without')
  if (!/^-----BEGIN (?:\w+ )?PRIVATE KEY-----/m.test(text))
    throw unusable(keyPath, 'there is no private key in it')
  if (!certificate.checkPrivateKey(parse(keyPath, () => createPrivateKey(key))))
    throw unusable(keyPath, `the key does not belong to the certificate ${certPath}`)
  return { cert, key }
}

function parseCertificate(path: string, content: Buffer): X509Certificate {
  if (!/^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/m.test(content.toString('latin1')))
    throw unusable(path, 'there is no certificate in it')
  return parse(path, () => new X509Certificate(content))
}

function parse<Result>(path: string, read: () => Result): Result {
  try {
    return read()
  } catch (cause) {
    throw unusable(path, 'damaged, or of a kind that is not known here', cause)
  }
}

function unusable(path: string, why: string, cause?: unknown): UsageError {
  return new UsageError(`${path}: ${why}`, { cause, detail: { code: 'bad-certificate', data: {} } })
}

function readPem(path: string): Buffer {
  try {
    return readWithinSync(path, MOST_BYTES.description)
  } catch (error) {
    throw new ReadError(path, error, { what: `the certificate file ${path}` })
  }
}
