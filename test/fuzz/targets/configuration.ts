import { expect } from 'bun:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { readConfigFile } from '../../../src/settings/file.ts'
import { resolveConfiguration } from '../../../src/settings/index.ts'
import { UsageError } from '../../../src/system/errors.ts'
import { mutated } from '../mutations.ts'
import { edited } from '../references/json-edits.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

const YAML = `# A run
input: [reads.fa, "more reads.fa"]
output_dir: out   # where
threads: 4
gpus: 0,1
min_length: 200
report: no
prefix: 2024
triton:
  - grpc://a:8001
features:
  dnabert: {batch_size: 2048}
logging: &log {level: info, file: x.log}
progress: *log
`
const JSON_TEXT = `{"input": ["a.fa"], "threads": 2, "min_length": 100, "report": true, "prefix": "x", "logging": {"level": "info"}}`

const TOKENS = [
  '*log',
  '&log ',
  '&x [*x]',
  '{a: *log}',
  '<<: ',
  '!!binary ',
  '!!set ',
  '!<x> ',
  '? ',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  '|\n',
  '>\n',
  '---\n',
  '...\n',
  '%YAML 1.1\n',
  '#',
  '\t',
  '0x1f',
  '0o17',
  '1e999',
  '.inf',
  '.nan',
  '~',
  'null',
  'yes',
  '__proto__: 1\n',
  'constructor: {a: 1}\n',
  'threads: ',
  'logging.x: 1\n',
  '\\u0000',
  '\u2028',
]

/** The value under a dotted key, however its tables are written. */
function under(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, each] of Object.entries(value)) {
    if (name === key) return each
    const found = key.startsWith(`${name}.`) ? under(each, key.slice(name.length + 1)) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

async function unless<T>(work: Promise<T>): Promise<T | undefined> {
  return await work.catch((error: unknown) => {
    if (error instanceof UsageError) return undefined
    throw error
  })
}

/** What another parser reads, where it takes the text. */
function reference(text: string, name: string): unknown {
  try {
    return name.endsWith('json') ? JSON.parse(text) : Bun.YAML.parse(text)
  } catch {
    return undefined
  }
}

export const target: Target = {
  name: 'configuration',
  about:
    'configuration files in YAML and JSON: the values of another parser (Bun, JSON.parse), or a UsageError',
  weight: 1,
  property() {
    const scratch = new Scratch()
    const seeds = [
      { name: 'c.yaml', bytes: Buffer.from(YAML) },
      { name: 'c.json', bytes: Buffer.from(JSON_TEXT) },
    ]
    const right = edited([JSON.parse(JSON_TEXT)]).map((value) => ({
      name: 'c.json',
      bytes: Buffer.from(JSON.stringify(value)),
    }))
    return fc.asyncProperty(fc.oneof(mutated(seeds, { tokens: TOKENS }), right), async ({ name, bytes }) => {
      const path = scratch.put(name, bytes)
      const found = await unless(readConfigFile(path, scratch.folder))
      const given = new Map([
        ['config', { value: path, origin: { kind: 'flag', name: '--config' } as const }],
      ])
      const whole = await unless(resolveConfiguration({ given, environment: {}, cwd: scratch.folder }))
      if (found === undefined) {
        expect(whole).toBeUndefined()
        return
      }
      const other = reference(Buffer.from(bytes).toString(), name)
      if (other === undefined) return
      for (const { value, origin } of found.given.values()) {
        const wanted = under(other, origin.name)
        if (!isDeepStrictEqual(value, wanted)) expect([origin.name, value]).toEqual([origin.name, wanted])
      }
    })
  },
}
