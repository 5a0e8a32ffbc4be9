import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { VARIABLES } from '../../../src/settings/environment.ts'

test('every variable of the environment that is read is in the table, and no other', () => {
  const source = resolve(import.meta.dir, '../../../src')
  const text = [...new Bun.Glob('**/*.ts').scanSync(source)]
    .filter((file) => file !== 'settings/environment.ts')
    .map((file) => readFileSync(join(source, file), 'utf8'))
    .join('\n')
  const read = new Set(
    [...text.matchAll(/\b(?:env|environment)\.([A-Z][A-Z0-9_]+)\b/g)].map(([, name]) => name),
  )
  const known = VARIABLES.flatMap(({ names }) => names)
  expect([...read].filter((name) => !known.includes(name as string))).toEqual([])
  // Of these the runtime takes care, or they are read otherwise.
  const others = [
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'ALL_PROXY',
    'NO_PROXY',
    'NODE_EXTRA_CA_CERTS',
    'SSL_CERT_FILE',
  ]
  const unread = known.filter((name) => !others.includes(name) && !new RegExp(`\\b${name}\\b`).test(text))
  expect(unread).toEqual([])
})
