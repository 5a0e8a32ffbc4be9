import { describe, expect, test } from 'bun:test'
import { fromYaml, resolved } from './support.ts'

const file = { 'virnucpro.config.yaml': 'threads: 1\n' }
const env = { VIRNUCPRO_THREADS: '2' }
const flags = { threads: '3' }

describe('a value comes from the flag, else the environment, else the file, else the default', () => {
  test.each([
    ['flag', { files: file, env, flags }, 3, { kind: 'flag', name: '--threads' }],
    ['environment', { files: file, env }, 2, { kind: 'environment', name: 'VIRNUCPRO_THREADS' }],
    ['file', { files: file }, 1, { kind: 'file', name: 'threads', file: 'virnucpro.config.yaml' }],
    ['default', {}, undefined, { kind: 'default', name: '' }],
  ] as const)('%s', async (_, sources, value, origin) => {
    const { effective } = await resolved(sources)
    expect<unknown>({ value: effective.values.threads, origin: effective.origin('threads') }).toEqual({
      value,
      origin,
    })
  })
})

test('a time has a unit, wherever it stands; 0 takes one back', async () => {
  const times = ['90s', '15m', '2h', '0'] as const
  const seconds = await Promise.all(times.map((time) => fromYaml(`keep_server: ${time}\n`, ['keepServer'])))
  expect(seconds.map(({ keepServer }) => keepServer)).toEqual([90, 900, 7200, 0])
  for (const time of ['15', '1d', '-1s', '1.5h', '0m'])
    await expect(resolved({ env: { VIRNUCPRO_KEEP_SERVER: time } })).rejects.toThrow(
      'VIRNUCPRO_KEEP_SERVER: expected a time such as 90s, 15m or 2h',
    )
})

describe('the configuration file', () => {
  const files = {
    'virnucpro.config.yaml': 'threads: 1\n',
    'other.yaml': 'threads: 5\n',
    'other.json': '{"threads": 6, "triton": ["grpc://h:1"], "keep_intermediate": true}',
  }

  test('is named by --config, else by VIRNUCPRO_CONFIG, else found by its usual name', async () => {
    const env = { VIRNUCPRO_CONFIG: 'other.yaml' }
    expect((await resolved({ files, env, configFile: 'other.json' })).effective.values.threads).toBe(6)
    expect((await resolved({ files, env })).effective.values.threads).toBe(5)
    expect((await resolved({ files })).effective.values.threads).toBe(1)
    expect((await resolved({ files: { 'virnucpro.config.json': '{"threads": 7}' } })).file).toBe(
      'virnucpro.config.json',
    )
  })

  test('may be empty, or leave keys without a value', async () => {
    expect(await fromYaml('', ['layout'])).toEqual({ layout: 'vanilla' })
    expect(await fromYaml('layout:\nthreads: 2\n', ['layout', 'threads'])).toEqual({
      layout: 'vanilla',
      threads: 2,
    })
  })

  test('two of the usual names at once are refused', async () => {
    const both = { ...files, 'virnucpro.config.json': '{}' }
    await expect(resolved({ files: both })).rejects.toThrow(
      /virnucpro.config.yaml and virnucpro.config.json are both in/,
    )
  })

  test.each([
    ['missing', {}, 'no.yaml', 'cannot read the configuration file no.yaml: no such file'],
    ['bad YAML', { 'a.yaml': 'threads: [1\n' }, 'a.yaml', /^a\.yaml: .*at line \d/s],
    ['bad JSON', { 'a.json': '{"threads": }' }, 'a.json', /^a\.json: /],
    ['a list', { 'a.yaml': '- 1\n' }, 'a.yaml', 'a.yaml: expected keys and values at the top, got a list'],
    ['key twice', { 'a.yaml': 'threads: 1\nthreads: 2\n' }, 'a.yaml', /^a\.yaml: .*unique/s],
    [
      'unknown key',
      { 'a.yaml': 'thraeds: 1\n' },
      'a.yaml',
      'a.yaml: unknown key thraeds. Did you mean threads?',
    ],
    [
      'unknown key below',
      { 'a.yaml': 'features:\n  esm:\n    tokens_per_batch: 1\n' },
      'a.yaml',
      'a.yaml: unknown key features.esm.tokens_per_batch. Did you mean features.esm.toks_per_batch?',
    ],
    [
      'table for a value',
      { 'a.yaml': 'threads: {n: 1}\n' },
      'a.yaml',
      'a.yaml: threads: expected a value, got a table',
    ],
    [
      'bad value',
      { 'a.yaml': 'layout: flat\n' },
      'a.yaml',
      'a.yaml: layout: expected one of vanilla, broad, got "flat"',
    ],
    ['prototype', { 'a.json': '{"__proto__": {"threads": 1}}' }, 'a.json', 'a.json: unknown key __proto__.'],
  ] as const)('%s is an error that names the file', async (_, contents, configFile, message) => {
    const error = await resolved({ files: contents, configFile }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ kind: String(message).includes('no such file') ? 'noInput' : 'usage' })
    expect((error as Error).message).toMatch(message)
  })
})

describe('the environment', () => {
  test('takes words for booleans and commas for lists; an empty variable is not set', async () => {
    const { effective } = await resolved({
      env: {
        VIRNUCPRO_KEEP_INTERMEDIATE: 'Yes',
        VIRNUCPRO_PROGRESS: '0',
        VIRNUCPRO_GPUS: '0, 2',
        VIRNUCPRO_INPUT: 'a.fa,b.fa',
        VIRNUCPRO_LAYOUT: '',
      },
    })
    expect(effective.values).toMatchObject({
      keepIntermediate: true,
      progress: false,
      gpus: [0, 2],
      input: ['a.fa', 'b.fa'],
      layout: 'vanilla',
    })
  })

  test('a variable that is no setting is said', async () => {
    const env = {
      VIRNUCPRO_THREDS: '4',
      VIRNUCPRO_DISABLE_PACKING: 'true',
      VIRNUCPRO_TEST_PYTHON: 'x',
      HOME: '/',
    }
    expect((await resolved({ env })).warnings).toEqual([
      'environment variable VIRNUCPRO_THREDS is not a setting and has no effect. Did you mean VIRNUCPRO_THREADS?',
      'environment variable VIRNUCPRO_DISABLE_PACKING has no effect: it switches a part of another implementation',
    ])
  })
})

describe('settings that follow from others', () => {
  const yaml = 'dnabert_batch_size: 300\nquiet: true\ndevice: cpu\n'

  test('a stronger general setting beats a weaker special one', async () => {
    const budgets = ['esmBatchSize', 'dnabertBatchSize'] as const
    expect(await fromYaml(yaml, [...budgets])).toEqual({ esmBatchSize: undefined, dnabertBatchSize: 300 })
    expect(await fromYaml(yaml, [...budgets], { flags: { tokenBudget: '700' } })).toEqual({
      esmBatchSize: 700,
      dnabertBatchSize: 700,
    })
  })

  test('the stronger of quiet and verbose wins; quiet hides progress', async () => {
    const names = ['quiet', 'verbose', 'progress'] as const
    expect(await fromYaml(yaml, [...names])).toEqual({ quiet: true, verbose: false, progress: false })
    const verbose = { quiet: false, verbose: true, progress: true }
    expect(await fromYaml(yaml, [...names], { flags: { verbose: true } })).toEqual(verbose)
    expect(await fromYaml(yaml, [...names], { env: { VIRNUCPRO_VERBOSE: '1' } })).toEqual(verbose)
  })

  test('the stronger of device and GPUs wins', async () => {
    const names = ['backend', 'gpus'] as const
    expect(await fromYaml(yaml, [...names])).toEqual({ backend: 'onnx', gpus: undefined })
    expect(await fromYaml(yaml, [...names], { flags: { gpus: '1' } })).toEqual({ backend: 'auto', gpus: [1] })
    expect(await fromYaml('gpus: 0,1\n', [...names], { flags: { device: 'cpu' } })).toEqual({
      backend: 'onnx',
      gpus: undefined,
    })
    expect(await fromYaml('gpus: 0,1\n', [...names], { flags: { device: '3' } })).toEqual({
      backend: 'auto',
      gpus: [3],
    })
  })
})
