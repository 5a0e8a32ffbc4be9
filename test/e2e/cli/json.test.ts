import { afterAll, beforeAll, expect, test } from 'bun:test'
import { appendFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { writePlans } from '../../../scripts/support/plans.ts'
import { COMMANDS, loadCommand } from '../../../src/cli/commands.ts'
import { homeWith, IDS } from '../home/support.ts'
import { WEIGHTS } from '../setup/support.ts'
import { repository, virnucpro } from './support.ts'

const [ID] = IDS
const home = homeWith([ID])

beforeAll(() => {
  writePlans(home.folder.join('plans'), 'f'.repeat(64))
  cpSync(join(repository, 'examples/demo-bundle'), home.folder.join('damaged'), { recursive: true })
  appendFileSync(home.folder.join('damaged/mlp/model.onnx'), 'x')
  cpSync(join(repository, 'test/data/old-runs/vanilla'), home.folder.join('old'), { recursive: true })
  mkdirSync(home.folder.join('empty'))
})
afterAll(() => home[Symbol.dispose]())

const text = v.string()
const count = v.number()
const list = v.array(v.unknown())
const orNull = <Schema extends v.GenericSchema>(schema: Schema) => v.nullable(schema)
/** Facts under the name of their form. Nothing may be added here without a word in docs/reference/json.md, or left out at all. */
const form = (name: string, entries: v.ObjectEntries) =>
  v.strictObject({ format: v.literal(`virnucpro-${name}`), version: v.literal(1), ...entries })

const bundleCheck = form('bundle-check', { bundle: text, whole: v.boolean(), fault: orNull(text) })
const checkpoints = form('checkpoints-check', { folder: text, files: count, faulty: count, findings: list })

type Case = [words: string[], code: number, schema: v.GenericSchema]
const CASES: Case[] = [
  [
    ['models', 'info', ID],
    0,
    form('bundle', {
      ...{
        id: orNull(text),
        default: v.boolean(),
        folder: text,
        name: text,
        demo: v.boolean(),
        precision: text,
      },
      ...{ attention: text, created: text, tool: v.object({ name: text, version: text }), esm2: text },
      classifiers: v.array(v.strictObject({ chunkLength: orNull(count), digest: text })),
      ...{ bytes: orNull(count), allBytes: orNull(count), derived: list, plans: list, repositories: list },
      recheck: v.null(),
    }),
  ],
  [['models', 'verify', ID], 0, bundleCheck],
  [['models', 'verify', 'damaged'], 1, bundleCheck],
  [['models', 'list'], 0, v.array(v.object({ id: text, default: v.boolean(), problem: orNull(text) }))],
  [['checkpoints', 'verify', 'old'], 0, checkpoints],
  [['checkpoints', 'verify', 'empty'], 3, checkpoints],
  [['utils', 'validate-checkpoints', 'old'], 0, checkpoints],
  [['checkpoints', 'list', 'old'], 0, v.array(v.object({ path: text, status: orNull(text), ids: count }))],
  [
    ['engines', 'show', 'plans'],
    0,
    form('plans', {
      folder: text,
      plans: v.pipe(
        v.array(
          v.strictObject({
            ...{ path: text, bytes: count, problem: orNull(text), model: orNull(text), gpu: orNull(text) },
            ...{
              computeCapability: orNull(text),
              tensorrt: orNull(text),
              bundle: orNull(text),
              built: orNull(text),
            },
            ...{ buildSeconds: orNull(count), profiles: orNull(list) },
          }),
        ),
        v.length(4),
      ),
    }),
  ],
  [
    ['home', 'show'],
    0,
    form('home', {
      ...{
        home: text,
        readOnly: v.boolean(),
        network: orNull(text),
        freeBytes: count,
        places: list,
        private: list,
      },
    }),
  ],
  [['serve', '--list'], 0, form('servers', { servers: v.pipe(list, v.length(0)) })],
  [
    ['setup', ...WEIGHTS, '--dry-run'],
    0,
    form('setup', {
      ...{ home: text, freeBytes: count, gpus: v.array(text), lack: v.optional(text), precision: text },
      steps: v.array(
        v.strictObject({
          ...{ name: text, title: text, isDone: v.boolean() },
          expense: v.object({ seconds: count, bytes: count }),
        }),
      ),
    }),
  ],
  [
    ['verify', '--bundle', 'demo', '--sequences', '2'],
    0,
    form('verify', {
      ...{
        bundle: text,
        backend: text,
        models: v.pipe(list, v.length(2)),
        tolerance: count,
        within: v.literal(true),
      },
      calls: v.strictObject({ equal: count, all: count }),
    }),
  ],
  [
    ['verify', '--bundle', 'demo', '--sequences', '2', '--tolerance', '0'],
    1,
    v.looseObject({ within: v.literal(false) }),
  ],
  [['models', 'recheck', 'demo'], 64, v.undefined()],
  [['estimate', 'old/in.fasta', '--bundle', 'demo'], 66, v.undefined()],
  [
    ['estimate', join(repository, 'examples/contigs.fasta'), '--bundle', 'demo', '--backend', 'onnx'],
    0,
    v.looseObject({
      ...{
        format: v.literal('virnucpro-estimate'),
        version: v.literal(1),
        inputs: v.array(text),
        ways: list,
      },
    }),
  ],
  [
    ['config', 'a.fa'],
    0,
    v.strictObject({
      ...{ format: v.literal('virnucpro-configuration'), version: text, file: orNull(text) },
      settings: v.record(text, v.looseObject({ origin: text })),
    }),
  ],
  [['doctor'], 0, form('doctor', { verdict: text, findings: list })],
  [
    ['version'],
    0,
    form('version', { virnucpro: text, bun: text, onnxruntime: text, platform: text, arch: text }),
  ],
]

test.concurrent.each(CASES)(
  '%p with --json prints one document, and messages elsewhere',
  async (words, code, schema) => {
    const result = await virnucpro([...words, '--json'], { cwd: home.folder.path, env: home.env })
    expect({ code: result.code, err: result.code === code ? '' : result.err }).toEqual({ code, err: '' })
    v.parse(schema, result.out === '' ? undefined : JSON.parse(result.out))
    if (code !== 0) expect(result.err).toContain('error: ')
  },
)

test('every command with --json is tried here and described', async () => {
  const page = readFileSync(join(repository, 'docs/reference/json.md'), 'utf8')
  const tried = CASES.map(([words]) => words.join(' '))
  for (const name of Object.keys(COMMANDS)) {
    const { json } = (await loadCommand(name)).options
    // `bench` writes its results to a file.
    if (json === undefined || json.hint !== undefined) continue
    expect({ name, isTried: tried.some((words) => `${words} `.startsWith(`${name} `)) }).toEqual({
      name,
      isTried: true,
    })
    expect(page).toMatch(new RegExp(`^\\| \`${name}[^|]*\\| \`(virnucpro-[a-z-]+|\\[)`, 'm'))
  }
})
