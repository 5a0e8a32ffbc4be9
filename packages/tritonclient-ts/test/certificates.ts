import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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
  /** The same, valid between two times of the form `20200101000000Z`. */
  signFor(name: string, alternatives: string, from: string, to: string): Promise<Pair>
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
      return readPair(out)
    },
    async signFor(leaf, alternatives, from, to) {
      const out = join(folder, leaf)
      await run([
        ...['openssl', 'req', '-new', ...newKey, '-subj', `/CN=${leaf}`, '-keyout', `${out}.key`],
        ...['-out', `${out}.csr`, '-addext', 'basicConstraints=critical,CA:FALSE'],
        ...['-addext', `subjectAltName=${alternatives}`],
      ])
      // Of the openssl of Debian, only `ca` takes times, and it wants to keep a record.
      mkdirSync(`${out}.record`)
      writeFileSync(`${out}.record/index`, '')
      writeFileSync(`${out}.cnf`, configuration(`${out}.record`))
      await run([
        ...['openssl', 'ca', '-batch', '-notext', '-config', `${out}.cnf`],
        ...['-cert', `${path}.crt`, '-keyfile', `${path}.key`, '-startdate', from, '-enddate', to],
        ...['-in', `${out}.csr`, '-out', `${out}.crt`],
      ])
      return readPair(out)
    },
  }
}

function readPair(path: string): Pair {
  return { path, cert: readFileSync(`${path}.crt`, 'utf8'), key: readFileSync(`${path}.key`, 'utf8') }
}

function configuration(record: string): string {
  return `[ca]
default_ca = here
[here]
database = ${record}/index
new_certs_dir = ${record}
serial = ${record}/serial
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
`
}
