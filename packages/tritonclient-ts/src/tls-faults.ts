/** Faults of the set-up that OpenSSL (Node) and BoringSSL (Bun) report below a status UNAVAILABLE. */
const TLS_FAULT =
  /certificate|self[- ]signed|issuer|altname|\bERR_(?:TLS|SSL)|\bSSL\b|wrong version number|\bEPROTO\b|\bUNABLE_TO_|\bCERT_|_IN_CHAIN\b|_ZERO_|\balert\b/i

/** What they mean, the first that fits. Alerts are what the server says; what else is named, this client has found. */
const MEANINGS: readonly (readonly [fault: RegExp, meaning: string])[] = [
  [/alert.certificate.required/i, 'the server asks for a certificate of this client, and got none'],
  [
    /alert.(unknown.ca|bad.certificate|certificate.\w+|unsupported.certificate|access.denied|decrypt.error)/i,
    'the server does not accept the certificate of this client',
  ],
  [
    /alert.protocol.version|unsupported.protocol|version.too.low/i,
    'the server has none of the versions of TLS that are safe, 1.2 and later',
  ],
  [
    /wrong.version.number|\bEPROTO\b/i,
    'what answers does not speak TLS; check the port, and grpcs:// against grpc://',
  ],
  [/not.yet.valid/i, "the server's certificate is not valid yet; check the clocks"],
  [/expired/i, "the server's certificate has expired"],
  [/altname|hostname/i, "the server's certificate is for another host"],
  [
    /verify|self.signed|issuer|_IN_CHAIN\b/i,
    "the server's certificate is of an authority that is not trusted here",
  ],
]

export function isTlsFault(details: string): boolean {
  return TLS_FAULT.test(details)
}

export function tlsMeaning(details: string): string {
  const found = MEANINGS.find(([fault]) => fault.test(details))?.[1]
  return `the encrypted connection could not be made: ${found ?? 'check the certificates, and grpcs:// against grpc://'}`
}

/** What grpc-js says about a failed connection, without what it says about itself. */
export function connectionFault(details: string): string {
  return (
    /^No connection established\. Last error: (?:Error: )?(.*?)(?: \(\d{4}-[\d:.TZ-]+\))?\.? Resolution note:\s*$/s.exec(
      details,
    )?.[1] ?? details
  )
}
