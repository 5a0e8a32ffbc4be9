import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './node.ts'

export interface Pair {
  readonly cert: string
  readonly key: string
  /** Paths without `.crt` and `.key`. */
  readonly path: string
}

/** A certificate authority of its own and what it signed, made with the openssl command line. */
export interface Authority {
  readonly ca: string
  readonly path: string
  sign(name: string, subject: string, alternatives?: string): Promise<Pair>
}

export async function makeAuthority(folder: string, name: string): Promise<Authority> {
  const path = join(folder, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await run([
    'openssl',
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${path}.key`,
    '-out',
    `${path}.crt`,
  ])
  return {
    ca: readFileSync(`${path}.crt`, 'utf8'),
    path: `${path}.crt`,
    async sign(leaf, subject, alternatives) {
      const out = join(folder, leaf)
      await run([
        ...['openssl', 'req', '-x509', ...newKey, '-days', '2', '-subj', `/CN=${subject}`],
        ...['-CA', `${path}.crt`, '-CAkey', `${path}.key`, '-keyout', `${out}.key`, '-out', `${out}.crt`],
        ...['-addext', 'basicConstraints=critical,CA:FALSE'],
        ...(alternatives === undefined ? [] : ['-addext', `subjectAltName=${alternatives}`]),
      ])
      return { path: out, cert: readFileSync(`${out}.crt`, 'utf8'), key: readFileSync(`${out}.key`, 'utf8') }
    },
  }
}
