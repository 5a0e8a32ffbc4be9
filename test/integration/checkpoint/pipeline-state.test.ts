// Broad's own state file, so that its --resume goes on where a run of ours stopped.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { BROAD_STAGES, broadConfigHash, PipelineState } from '../../../src/legacy/index.ts'
import { virnucpro } from '../../support/cli.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { byName, oldRuns } from '../../support/reference.ts'

// Whole runs in child processes, on a loaded machine.
setDefaultTimeout(120_000)

test("the digest of the configuration is Broad's", () => {
  expect(broadConfigHash({ expectedLength: 500, modelPath: '500_model.pth' })).toBe(
    '9ef5f4afba5b7382465e7f0cbd603da777b15581827556a2c99215383e7fee61',
  )
  expect(broadConfigHash({ expectedLength: 300, modelPath: '500_model.pth' })).not.toBe(
    broadConfigHash({ expectedLength: 500, modelPath: '500_model.pth' }),
  )
})

test.skipIf(!hasPython)('the digest of any configuration is the one Python computes', async () => {
  const modelPath = 'modèles/"500" \\ 𝔪.pth'
  const hash = await runPython(
    `import hashlib, json, sys
d = {"expected_length": 300, "model_path": sys.argv[1], "batch_size": 64, "num_workers": 0}
print(hashlib.sha256(json.dumps(d, sort_keys=True).encode()).hexdigest())`,
    modelPath,
  )
  expect(broadConfigHash({ expectedLength: 300, modelPath, batchSize: 64, numWorkers: 0 })).toBe(hash.trim())
})

test.each(byName(oldRuns))(
  "a finished run is written with the keys, in the order and to the spaces of Broad's: %s",
  (_, { broad }) => {
    const golden = readFileSync(join(broad, '.checkpoints/pipeline_state.json'), 'utf8')
    const wanted = JSON.parse(golden)
    const state = PipelineState.create('x', { expectedLength: 500, modelPath: '500_model.pth' })
    for (const stage of BROAD_STAGES) state.stage(stage).complete(wanted.stages[stage].outputs)
    const text = state.toJson()
    /** Times are those of the clock. */
    const timeless = (json: string) =>
      json
        .replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?"/g, '"TIME"')
        .replace(/: \d+\.\d+,/g, ': SECONDS,')
    expect(timeless(text)).toBe(timeless(golden))
  },
)

test('stages begin, end and fail with their times', async () => {
  await using folder = temporaryFolder()
  const at = (ms: number) => new Date(Date.UTC(2026, 1, 3, 4, 5, 6, ms))
  const state = PipelineState.create(folder.path, { expectedLength: 500, modelPath: 'm.pth' }, at(0))
  expect(state.current).toBe('CHUNKING')
  state.stage('CHUNKING').start(at(1))
  state.stage('CHUNKING').complete({ files: ['a'] }, at(251))
  state.stage('TRANSLATION').start(at(300))
  state.stage('TRANSLATION').fail('no space left', at(400))
  expect(state.current).toBe('TRANSLATION')
  await state.write(at(500))
  const text = readFileSync(join(folder.path, '.checkpoints/pipeline_state.json'), 'utf8')
  const { created_at, updated_at, stages } = JSON.parse(text)
  // Without a zone; whole seconds without digits after the point.
  expect([created_at, updated_at]).toEqual(['2026-02-03T04:05:06', '2026-02-03T04:05:06.500000'])
  expect(Object.keys(stages)).toEqual([...BROAD_STAGES])
  expect(stages.CHUNKING).toEqual({
    status: 'completed',
    started_at: '2026-02-03T04:05:06.001000',
    completed_at: '2026-02-03T04:05:06.251000',
    duration_seconds: 0.25,
    inputs: {},
    outputs: { files: ['a'] },
    error: null,
  })
  expect(stages.TRANSLATION).toMatchObject({ status: 'failed', error: 'no space left', completed_at: null })
  expect(stages.CONSENSUS).toMatchObject({ status: 'not_started', started_at: null, outputs: {} })
  expect(text).toEndWith('}')
})

/** Three chunks, with open frames in each. */
const INPUT = `>a\n${'GCTGCAGCAAAGGCCGATGCC'.repeat(60)}\n`

async function predict(folder: { join(...parts: string[]): string }, fasta: string, ...args: string[]) {
  const input = folder.join('in.fa')
  writeFileSync(input, fasta)
  return await virnucpro([
    'predict',
    input,
    '--bundle',
    'demo',
    '--layout',
    'broad',
    '-o',
    folder.join('out'),
    ...args,
  ])
}

const stateIn = (folder: { join(...parts: string[]): string }) =>
  JSON.parse(readFileSync(folder.join('out', '.checkpoints', 'pipeline_state.json'), 'utf8'))

test("a run in Broad's layout leaves the state of a completed one, with paths that exist", async () => {
  await using folder = temporaryFolder()
  expect((await predict(folder, INPUT, '-k', '--sequences-per-file', '8')).code).toBe(0)
  const { pipeline_config, stages } = stateIn(folder)
  expect(pipeline_config).toEqual({
    config_hash: broadConfigHash({ expectedLength: 500, modelPath: '500_model.pth' }),
    expected_length: 500,
    model_path: '500_model.pth',
  })
  expect(Object.keys(stages)).toEqual([...BROAD_STAGES])
  for (const stage of BROAD_STAGES) {
    expect(stages[stage]).toMatchObject({ status: 'completed', error: null })
    for (const path of Object.values<string | string[]>(stages[stage].outputs).flat())
      expect(existsSync(path)).toBe(true)
  }
  expect(stages.PROTEIN_FEATURES.outputs.protein_features.length).toBeGreaterThan(1)
})

test('a run that fails says so in it, and the original layout has none', async () => {
  await using folder = temporaryFolder()
  expect((await predict(folder, `${INPUT}>a\nACGT\n`, '--on-invalid', 'fail')).code).not.toBe(0)
  expect(stateIn(folder).stages.CHUNKING).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('a'),
  })
  expect(stateIn(folder).stages.TRANSLATION.status).toBe('not_started')
  await using vanilla = temporaryFolder()
  const input = vanilla.join('in.fa')
  writeFileSync(input, INPUT)
  expect(
    (await virnucpro(['predict', input, '--bundle', 'demo', '-o', vanilla.join('out'), '-k'])).code,
  ).toBe(0)
  expect(existsSync(vanilla.join('out', '.checkpoints'))).toBe(false)
})

test('a run brought into the other layout is the run made in it, and still known as finished', async () => {
  await using broad = temporaryFolder()
  await using vanilla = temporaryFolder()
  const input = broad.join('in.fa')
  const parts = ['-k', '--sequences-per-file', '8']
  await predict(broad, INPUT, ...parts)
  const args = (folder: typeof vanilla) => [
    'predict',
    input,
    '--bundle',
    'demo',
    '-o',
    folder.join('out'),
    ...parts,
  ]
  expect((await virnucpro(args(vanilla))).code).toBe(0)
  expect((await virnucpro(['checkpoints', 'migrate', broad.join('out'), '--to', 'vanilla'])).code).toBe(0)
  const names = (folder: typeof vanilla) =>
    readdirSync(folder.join('out'), { recursive: true, encoding: 'utf8' })
      .filter((name) => !/^\.virnucpro|_report\//.test(name) && /\.\w+$/.test(name))
      .sort()
  expect(names(broad)).toEqual(names(vanilla))
  expect(names(broad).filter((name) => name.endsWith('.pt')).length).toBeGreaterThan(5)
  for (const name of names(vanilla)) {
    const bytes = (folder: typeof vanilla) => readFileSync(folder.join('out', name), 'latin1')
    expect([name, bytes(broad) === bytes(vanilla)]).toEqual([name, true])
  }
  const again = await virnucpro(args(broad))
  expect(again.stderr).toContain('this run has finished before')
  expect(again.code).toBe(0)
  // Its report is still the one of its tables.
  expect(await virnucpro(['report', broad.join('out')])).toMatchObject({ code: 0 })
})
