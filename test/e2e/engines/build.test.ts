import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { writeRandomMlp } from '../../../scripts/support/random-models.ts'
import { type Bundle, openBundle } from '../../../src/bundle/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { type BuildEnginesOptions, buildEngines, findEngines } from '../../../src/server/engines/index.ts'
import { findPlans } from '../../../src/server/repository/index.ts'
import { writeRandomModels } from '../../integration/import/support/models.ts'
import { succeed, virnucpro } from '../../support/cli.ts'
import { hasPython, python, runPython } from '../../support/python.ts'

// The builders are other programs, and need a GPU: small scripts stand for them, which keep what they were asked.
const folder = mkdtempSync(join(tmpdir(), 'virnucpro-engines-'))
const at = (...parts: string[]) => join(folder, ...parts)
let bundle: Bundle

function script(name: string, body: string): string {
  writeFileSync(at(name), `#!/bin/sh\n${body}`)
  chmodSync(at(name), 0o755)
  return at(name)
}

const gpu = (tensorrt: string) =>
  JSON.stringify({ event: 'gpu', name: 'Test GPU', computeCapability: '9.0', memoryBytes: 80e9, tensorrt })

/** A Python with TensorRT: answers a probe, or writes a plan and says so. */
function fakePython(name: string, tensorrt = '10.6.0', ending = 'exit 0'): string {
  return script(
    name,
    `echo '${gpu(tensorrt)}'
[ "$2" = --probe ] && exit 0
cat > ${at('request.json')}
echo "something is slow" >&2
plan=$(sed 's/.*"plan":"\\([^"]*\\)".*/\\1/' ${at('request.json')})
echo plan > "$plan"
echo '{"event":"phase","phase":"build","seconds":1}'
${ending === 'exit 0' ? `echo '{"event":"done","seconds":2.5,"bytes":5}'` : ''}
${ending}
`,
  )
}

beforeAll(async () => {
  const models = await writeRandomModels(folder)
  await importModels({ ...models, output: at('bf16'), precision: 'bf16' })
  bundle = await openBundle(at('bf16'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const build = (options: Partial<BuildEnginesOptions>) =>
  buildEngines({ bundle: at('bf16'), output: at('plans'), ...options })

describe('engines build', () => {
  test('writes a plan for each model and a description that repositories take', async () => {
    const said: string[] = []
    const built = await build({ python: fakePython('python'), onProgress: (line) => said.push(line) })
    expect(built.map(({ path, isNew }) => [path, isNew])).toEqual([
      [at('plans/esm2/model_sm90.plan'), true],
      [at('plans/dnabert_s/model_sm90.plan'), true],
    ])
    const [plan] = await findPlans(at('plans'), 'esm2', bundle)
    expect(plan?.sidecar).toMatchObject({
      model: 'esm2',
      gpu: 'Test GPU',
      computeCapability: '9.0',
      tensorrt: '10.6.0',
      builder: 'python',
      precision: 'bf16',
      graph: { sha256: bundle.manifest.models.esm2.graph.sha256 },
      weights: { sha256: bundle.manifest.models.esm2.weights.sha256 },
      plan: { bytes: 5 },
      buildSeconds: 2.5,
    })
    expect(said[0]).toBe('TensorRT 10.6.0 on Test GPU, compute capability 9.0')
    expect(said.join('\n')).toContain(
      'esm2: building a plan for lengths of 2 to 64, 65 to 176, 177 to 1088 tokens; about',
    )
    expect(readdirSync(at('plans/esm2')).sort()).toEqual(['model_sm90.json', 'model_sm90.plan'])
    const request = JSON.parse(readFileSync(at('request.json'), 'utf8'))
    expect(request).toMatchObject({
      onnx: bundle.pathOf(bundle.manifest.models.dnabert_s.graph),
      optimizationLevel: 3,
    })
    expect(request.profiles[0]).toEqual({ min: [1, 2], opt: [1024, 64], max: [4096, 64] })
  })

  test('keeps a plan that fits and builds it again for another TensorRT, other lengths or by force', async () => {
    const again = async (options: Partial<BuildEnginesOptions>) =>
      (await build({ models: ['esm2'], python: at('python'), ...options })).map(({ isNew }) => isNew)
    expect(await again({})).toEqual([false])
    expect(await again({ force: true })).toEqual([true])
    expect(await again({ bounds: [64] })).toEqual([true])
    expect(await again({ bounds: [64] })).toEqual([false])
    expect(await again({ bounds: [64], python: fakePython('newer', '10.7.0') })).toEqual([true])
  })

  test('a builder that fails leaves nothing new and its words in the message', async () => {
    const failing = fakePython('failing', '10.6.0', 'exit 3')
    const error = await build({ output: at('other'), python: failing }).catch((problem: Error) => problem)
    expect(String(error)).toContain('something is slow')
    expect(String(error)).toContain('exit code 3')
    expect(readdirSync(at('other/esm2'))).toEqual([])
    await expect(build({ python: at('missing') })).rejects.toThrow(`cannot start ${at('missing')}`)
    const refused = script(
      'refused',
      `echo '{"event":"error","kind":"no-gpu","message":"no driver"}'; exit 1`,
    )
    await expect(build({ python: refused })).rejects.toThrow('Plans are built on the GPU that they are for')
  })

  test('what no build has written is not overwritten, with or without --force', async () => {
    const mine: [string, string][] = [
      ['esm2/model_sm90.plan', 'mine'],
      ['esm2/model_sm90.json', '{"mine": true}'],
      ['timing.cache', 'mine'],
    ]
    for (const [i, [name, text]] of mine.entries()) {
      const output = at(`mine-${i}`)
      mkdirSync(join(output, 'esm2'), { recursive: true })
      writeFileSync(join(output, name), text)
      for (const force of [false, true]) {
        const error = await build({ output, models: ['esm2'], python: at('python'), force }).catch(String)
        expect(error).toContain(`${join(output, name)} was not written by a build`)
      }
      expect(readFileSync(join(output, name), 'utf8')).toBe(text)
      expect(readdirSync(output, { recursive: true })).not.toContain('esm2/model.plan')
    }
    // A plan that was changed since is not the build's any more.
    const output = at('changed')
    await build({ output, models: ['esm2'], python: at('python') })
    writeFileSync(join(output, 'esm2/model_sm90.plan'), 'PLAN\n')
    const error = await build({ output, models: ['esm2'], python: at('python'), force: true }).catch(String)
    expect(error).toContain('model_sm90.plan was not written by a build')
    expect(readFileSync(join(output, 'esm2/model_sm90.plan'), 'utf8')).toBe('PLAN\n')
  })

  test('the leftovers of a build that was killed go with the next one', async () => {
    const output = at('killed')
    const slow = fakePython('slow', '10.6.0', 'kill -KILL $PPID; sleep 1')
    const script = `import { buildEngines } from ${JSON.stringify(resolve(import.meta.dir, '../../../src/server/engines/index.ts'))}
      await buildEngines(${JSON.stringify({ bundle: at('bf16'), output, models: ['esm2'], python: slow })})`
    const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'ignore', stderr: 'ignore' })
    await child.exited
    expect(child.signalCode).toBe('SIGKILL')
    expect(readdirSync(join(output, 'esm2'))).toHaveLength(1)
    await build({ output, models: ['esm2'], python: at('python') })
    expect(readdirSync(join(output, 'esm2')).sort()).toEqual(['model_sm90.json', 'model_sm90.plan'])
  })

  test('a bundle in fp32 is refused before anything is started', async () => {
    const refused = build({ bundle: 'demo', python: at('missing') })
    await expect(refused).rejects.toMatchObject({ code: 'plans-need-gpu-precision' })
  })

  test('trtexec gets strong typing and one group of shapes per profile', async () => {
    const trtexec = script(
      'trtexec',
      `for word; do echo "$word" >> ${at('words')}; case $word in --saveEngine=*) echo plan > "\${word#*=}";; esac; done
echo '[11/22/2026-10:00:00] [I] Selected Device: NVIDIA L4'
echo '[11/22/2026-10:00:00] [I] Compute Capability: 8.9'
echo '[11/22/2026-10:00:00] [I] TensorRT version: 10.6.0'`,
    )
    const [built] = await build({
      output: at('native'),
      models: ['dnabert_s'],
      builder: 'trtexec',
      trtexec,
      bounds: [64, 160],
      tokenBudget: 4096,
      workspaceBytes: 2 ** 31,
    })
    expect(built?.path).toBe(at('native/dnabert_s/model_sm89.plan'))
    expect(built?.sidecar).toMatchObject({ gpu: 'NVIDIA L4', tensorrt: '10.6.0', builder: 'trtexec' })
    const words = readFileSync(at('words'), 'utf8').trim().split('\n')
    expect(words).toContain('--stronglyTyped')
    expect(words).toContain('--memPoolSize=workspace:2048M')
    const shapes = words.slice(words.indexOf('--profile=1'), words.indexOf('--profile=1') + 4)
    expect(shapes).toEqual([
      '--profile=1',
      '--minShapes=input_ids:1x65,lengths:1',
      '--optShapes=input_ids:25x160,lengths:25',
      '--maxShapes=input_ids:102x160,lengths:102',
    ])
  })
})

test('plans that do not fit are shown with the reason', async () => {
  const problems = async (more: object) =>
    (await findEngines(at('plans'), more))
      .filter(({ path }) => path.includes('esm2'))
      .map(({ problem }) => problem)
  expect(await problems({ bundle })).toEqual([undefined])
  expect(await problems({ computeCapability: '8.9' })).toEqual([
    'is for GPUs of compute capability 9.0, this one has 8.9',
  ])
  expect((await problems({ tensorrt: '10.8.0' }))[0]).toContain('loads in no other version')
  expect((await problems({ bundle: await openBundle('demo') }))[0]).toContain('from other weights')
  const sidecar = at('plans/esm2/model_sm90.json')
  const text = readFileSync(sidecar, 'utf8')
  writeFileSync(sidecar, readFileSync(at('plans/dnabert_s/model_sm90.json')))
  expect(await problems({})).toEqual(['is a plan of dnabert_s, expected one of esm2'])
  writeFileSync(sidecar, text)
  writeFileSync(at('plans/esm2/model_sm90.plan'), 'longer than it was')
  expect((await problems({}))[0]).toContain('18 bytes instead of 5')
  rmSync(sidecar)
  expect((await problems({}))[0]).toContain('no description beside it')
  writeFileSync(sidecar, text)
})

test('plans and repositories belong to the language models: another classifier costs nothing', async () => {
  const python = fakePython('first-python')
  const output = at('kept-plans')
  await build({ output, python })
  const { esm, dnabert } = await writeRandomModels(folder)
  const mlp = at('other.safetensors')
  await writeRandomMlp(mlp, 99, 48, 20)
  const weights = ['--esm', esm, '--dnabert', dnabert, '--mlp', `300=${mlp}`]
  await succeed('models', 'import', ...weights, '--precision', 'bf16', '--output', at('other-mlp'))
  const used = (await openBundle(at('other-mlp'))).manifest
  expect(used.models.mlp.graph.sha256).not.toBe(bundle.manifest.models.mlp.graph.sha256)

  const other = ['--bundle', at('other-mlp')]
  const again = await succeed('engines', 'build', ...other, '--output', output, '--python', python)
  expect(again.stderr.match(/fits already/g)).toHaveLength(2)
  await succeed('engines', 'show', output, ...other)
  const repositories = [at('bf16'), at('other-mlp')].map((from, i) => [from, at(`repository-${i}`)] as const)
  for (const [from, to] of repositories)
    await succeed(
      ...[
        'repository',
        'build',
        '--bundle',
        from,
        '--backend',
        'tensorrt',
        '--plans',
        output,
        '--output',
        to,
      ],
    )
  const [configurations, others] = repositories.map(([, to]) =>
    ['esm2', 'dnabert_s'].map((model) => readFileSync(join(to, model, 'config.pbtxt'), 'utf8')),
  )
  expect(others).toEqual(configurations!)

  // Descriptions of other programs say which bundle a plan is of, and no more.
  for (const model of ['esm2', 'dnabert_s']) {
    const path = join(output, model, 'model_sm90.json')
    const { graph: _, weights: __, ...old } = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify(old))
  }
  await succeed('engines', 'show', output, '--bundle', at('bf16'))
  const refused = await virnucpro(['engines', 'show', output, ...other])
  expect(refused.code).toBe(1)
  expect(refused.stdout).toContain('it was built from another bundle')
  const built = ['--backend', 'tensorrt', '--plans', output, '--output', at('old-plans')]
  expect((await virnucpro(['repository', 'build', ...other, ...built])).code).toBe(65)
  await succeed('repository', 'build', '--bundle', at('bf16'), ...built)
}, 60_000)

test.skipIf(!hasPython)('the Python script names what is missing, as an event', async () => {
  const path = resolve(import.meta.dir, '../../../src/server/engines/python/build_engine.py')
  expect(existsSync(path)).toBe(true)
  const child = Bun.spawnSync([python, path, '--probe'], { env: { ...process.env, LD_LIBRARY_PATH: '' } })
  const events = child.stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  // On a machine with a GPU and TensorRT it tells of them instead.
  if (child.exitCode === 0) expect(events[0].event).toBe('gpu')
  else expect(['no-gpu', 'no-tensorrt']).toContain(events[0].kind)
})

test.skipIf(!hasPython)('the Python script counts fused attention kernels by their names', async () => {
  const program = `
import sys; sys.path.insert(0, sys.argv[1])
from build_engine import count_attention
after = {"Name": "MatMul_1_myl1_1", "Inputs": [{"Name": "layer_1/VirnucproAttention_output"}]}
print(count_attention(["_gemm_mha_v2_myl0_12", "MatMul_1", {"Name": "x", "TacticName": "fmha_v2_flash"}, after]))`
  expect(
    (await runPython(program, resolve(import.meta.dir, '../../../src/server/engines/python'))).trim(),
  ).toBe('2')
})
