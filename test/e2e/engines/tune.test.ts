import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { demoBundle, writePlans } from '../../../scripts/support/plans.ts'
import { openBundle } from '../../../src/bundle/index.ts'
import { chooseBudgets, trialsOf, tuneEngines } from '../../../src/server/engines/index.ts'
import { buildRepository, readTuning } from '../../../src/server/repository/index.ts'
import { repository, virnucpro } from '../../support/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'virnucpro-tune-'))
const at = (...parts: string[]) => join(folder, ...parts)
const { digest } = await openBundle(demoBundle)

/** Python with TensorRT needs a GPU: a script stands for it, which runs 10,000 tokens in 1 ms and needs 2 ms besides. */
function fakePython(name: string, gpu: string, fails = false, multiprocessors?: number): string {
  const head = JSON.stringify({
    event: 'gpu',
    name: gpu,
    computeCapability: '9.0',
    memoryBytes: 80e9,
    multiprocessors,
    tensorrt: '10.6.0',
  })
  writeFileSync(
    at(name),
    `#!/usr/bin/env python3
import json, sys
print('${head}')
if "--probe" in sys.argv: sys.exit(0)
request = json.load(sys.stdin)
open("${at('asked.json')}", "w").write(json.dumps(request))
print("TensorRT: a warning", file=sys.stderr)
if ${fails ? 'True' : 'False'}: sys.exit(3)
for rows, tokens in request["batches"]:
    ms = 2 + rows * tokens / 10_000
    print(json.dumps({"event": "measured", "rows": rows, "tokens": tokens, "milliseconds": ms, "repeats": 3}))
print(json.dumps({"event": "done", "seconds": 1}))
`,
  )
  chmodSync(at(name), 0o755)
  return at(name)
}

beforeAll(() => writePlans(at('plans'), digest))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const profiles = [
  {
    min: [1, 2] as [number, number],
    opt: [100, 64] as [number, number],
    max: [1000, 64] as [number, number],
  },
  {
    min: [1, 65] as [number, number],
    opt: [40, 176] as [number, number],
    max: [372, 176] as [number, number],
  },
]

test('the smallest budget within half a percent of the fastest is chosen, for each range and for all', () => {
  const trials = trialsOf(profiles, [4096, 8192, 16_384])
  expect(new Set(trials.map(({ tokens }) => tokens))).toEqual(new Set([33, 64, 121, 176]))
  // Short rows are at full speed from 4,096 tokens, long ones only from 16,384.
  const measured = trials.map(({ budget, rows, tokens }) => {
    const speed = tokens <= 64 ? 99.5 + budget / 1e6 : budget / 16_384
    return { rows, tokens, milliseconds: (rows * tokens) / speed }
  })
  const choice = chooseBudgets(profiles, trials, measured)
  expect(choice?.ranges.map(({ from, to, tokenBudget }) => [from, to, tokenBudget])).toEqual([
    [2, 64, 4096],
    [65, 176, 16_384],
  ])
  expect(choice?.tokenBudget).toBe(16_384)
  expect(chooseBudgets(profiles, trials, [])).toBeUndefined()
})

test('batches that are timed are whole waves of the GPU, or halves of one', async () => {
  writePlans(at('waves'), digest)
  const python = fakePython('waves-python', 'GPU W', false, 132)
  const [entry] = await tuneEngines({ plans: at('waves'), python, models: ['esm2'] })
  const wave = 132 * 128
  // The profiles of this plan end before four waves.
  expect(entry?.tokenBudget).toBe(2 * wave)
  const { batches } = JSON.parse(readFileSync(at('asked.json'), 'utf8')) as { batches: [number, number][] }
  for (const [rows, tokens] of batches) {
    const least = [wave / 4, wave / 2, wave, 2 * wave, 4 * wave].find((each) => rows * tokens <= each)
    expect(rows * tokens).toBeGreaterThan(least! - tokens)
  }
})

test('a range that takes no larger batch does not stand in the way of a larger budget', () => {
  const narrow = [{ ...profiles[0]!, max: [100, 64] as [number, number] }, profiles[1]!]
  const trials = trialsOf(narrow, [4096, 16_384])
  expect(trials.filter(({ tokens }) => tokens === 64).map(({ budget }) => budget)).toEqual([4096])
  const measured = trials.map(({ budget, rows, tokens }) => ({
    rows,
    tokens,
    milliseconds: (rows * tokens) / budget,
  }))
  expect(chooseBudgets(narrow, trials, measured)?.tokenBudget).toBe(16_384)
})

test('what was measured is kept for its plan and GPU and goes into the repository', async () => {
  const plans = at('plans')
  const said: string[] = []
  const tune = (python: string, more = {}) =>
    tuneEngines({ plans, python, models: ['esm2'], onProgress: (line) => said.push(line), ...more })
  const [entry] = await tune(fakePython('python', 'GPU A'))
  // 2 ms weigh least in the largest batches: 65,536 tokens take 8.6 ms, the next 32,768 5.3 ms.
  expect(entry).toMatchObject({ model: 'esm2', gpu: 'GPU A', tensorrt: '10.6.0', tokenBudget: 65_536 })
  expect(JSON.parse(readFileSync(at('asked.json'), 'utf8')).plan).toBe(at('plans/esm2/model_sm90.plan'))

  const again = fakePython('failing', 'GPU A', true)
  expect(await tune(again)).toEqual([entry!])
  expect(said.at(-1)).toBe(`esm2: batches of 65536 tokens, measured ${entry?.tuned}`)
  const before = readFileSync(at('plans/tuning.json'), 'utf8')
  const error = await tune(again, { force: true }).catch((problem: Error) => problem)
  expect(String(error)).toContain('exit code 3')
  expect(String(error)).toContain('a warning')
  expect(readFileSync(at('plans/tuning.json'), 'utf8')).toBe(before)

  await tune(fakePython('other', 'GPU B'), { budgets: [4096, 8192] })
  expect((await readTuning(plans))?.entries.map(({ gpu, tokenBudget }) => [gpu, tokenBudget])).toEqual([
    ['GPU A', 65_536],
    ['GPU B', 8192],
  ])
  const config = async (backend: 'tensorrt' | 'python') => {
    await buildRepository({ bundle: demoBundle, backend, plans, output: at(`from-${backend}`) })
    return readFileSync(at(`from-${backend}`, 'esm2', 'config.pbtxt'), 'utf8')
  }
  // The plan serves both GPUs: the smaller.
  const line = '{ key: "token_budget" value: { string_value: "8192" } }'
  expect(await config('tensorrt')).toContain(line)
  expect(await config('python')).toContain(line)
  expect(readFileSync(at('from-python', 'dnabert_s', 'config.pbtxt'), 'utf8')).not.toContain('token_budget')
  expect(readFileSync(at('from-python', 'esm2_sequence', 'config.pbtxt'), 'utf8')).toContain('"8192"')
})

test('damage, plans of another GPU and wrong words are named', async () => {
  writePlans(at('strange'), digest)
  for (const model of ['esm2', 'dnabert_s']) rmSync(at('strange', model, 'model_sm90.plan'))
  const python = at('python')
  await expect(tuneEngines({ plans: at('strange'), python })).rejects.toThrow(
    /no plan of esm2 .* compute capability 8\.9, this one has 9\.0/,
  )
  writePlans(at('damaged'), digest)
  writeFileSync(at('damaged/tuning.json'), '{"format":')
  await expect(tuneEngines({ plans: at('damaged'), python })).rejects.toThrow('remove it, or tune again')
  for (const text of ['0', '8192,4096', '4096,x']) {
    const { code, stderr } = await virnucpro(['engines', 'tune', at('plans'), '--budgets', text])
    expect({ code, stderr }).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--budgets: expected'),
    })
  }
  const { code, stderr } = await virnucpro(['engines', 'tune', at('plans'), '--model', 'both'])
  expect({ code, stderr }).toMatchObject({ code: 64, stderr: expect.stringContaining('--model') })
})

test('engines build --dry-run prints the lengths of an input and the profiles for them, without a GPU', async () => {
  const words = ['engines', 'build', '--bundle', 'demo', '--output', at('none'), '--dry-run']
  const { code, stdout, stderr } = await virnucpro([
    ...words,
    ...['--lengths-from', 'examples/contigs.fasta', '--expected-length', '300'],
  ])
  expect(code).toBe(0)
  expect(stderr).toContain('the bundle is in fp32: plans are built from one in bf16, fp16 or fp8')
  expect(stdout).toContain('97 to 112 tokens         42 sequences')
  expect(stdout).toContain('  97 to 112 tokens, tuned for 146 rows of 112, up to 585 rows')
  expect(existsSync(at('none'))).toBe(false)
  const piped = Bun.spawnSync(
    [
      'bash',
      '-c',
      `"$0" src/cli/main.ts ${words.join(' ')} --lengths-from <(cat examples/contigs.fasta) --expected-length 300`,
      process.execPath,
    ],
    { cwd: repository },
  )
  expect(piped.stdout.toString()).toBe(stdout)
  expect((await virnucpro(words)).stdout).toContain('  65 to 176 tokens, tuned for 93 rows of 176')
  const both = [...words, '--model', 'esm2', '--profiles', '64', '--lengths-from', 'examples/contigs.fasta']
  expect((await virnucpro(both)).code).toBe(64)
})
