import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { BenchDocument } from '../../../bench/result.ts'
import { batchSeconds, constantSpeed, ESM2_3B } from '../../../bench/scaling/curve.ts'
import { plot } from '../../../bench/scaling/plot.ts'
import { runOnServers } from '../../../bench/scaling/real.ts'
import { TRITON_LIMITS, totals, workload } from '../../../bench/scaling/workload.ts'
import { startSleeping, writeSleeping } from '../../../bench/triton/sleeping.ts'
import { parsePage } from '../../../bench/utilization/watch.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { hasPython, runPython } from '../../support/python.ts'

const root = resolve(import.meta.dir, '../../..')

async function bench(path: string, ...words: string[]) {
  const child = Bun.spawn([process.execPath, resolve(root, path), ...words], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { out, err, code }
}

function readDocument(path: string): BenchDocument {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function value({ results }: BenchDocument, name: string): number {
  const found = results.find((result) => result.name === name)
  if (found === undefined)
    throw new Error(`no result "${name}" among ${results.map((result) => result.name)}`)
  return found.value
}

test.skipIf(!hasTriton)(
  'two servers do every batch once, every instance works, each as long as the curve says',
  async () => {
    const windows = workload('mixed', 1, TRITON_LIMITS, 3000)
    const curve = ESM2_3B.map((point) => ({ ...point, tokensPerSecond: 10 * point.tokensPerSecond }))
    const run = await runOnServers(windows, [2, 1], { curve, dimension: 64 })
    const work = windows
      .flatMap(({ batches }) => batches)
      .reduce((sum, { rows, paddedLength }) => sum + batchSeconds(curve, rows, paddedLength), 0)
    const served = [...run.batchesOf.values()]
    expect(run.batches).toBe(totals(windows).batches)
    // What a second server took over at the end is computed twice.
    const sum = served.reduce((all, count) => all + count, 0)
    expect(sum).toBeGreaterThanOrEqual(run.batches)
    expect(sum).toBeLessThanOrEqual(run.batches + 3)
    expect(served).toHaveLength(3)
    expect(Math.min(...served)).toBeGreaterThan(0)
    // The model computes its time in Python, this test in TypeScript.
    if (sum === run.batches) expect(run.workSeconds).toBeCloseTo(work, 6)
    expect(run.workSeconds).toBeGreaterThan(work - 1e-6)
    // Nothing is done sooner than three instances can do it.
    expect(run.seconds).toBeGreaterThan(work / 3)
    expect(Math.max(...run.busy)).toBeLessThanOrEqual(1)
  },
)

test.skipIf(!hasTriton)('bench/scaling on servers without GPUs that it starts itself', async () => {
  await using folder = temporaryFolder()
  const curve = constantSpeed(1_000_000)
    .map(({ length, rows, tokensPerSecond }) => `${length}:${rows}:${tokensPerSecond}`)
    .join(',')
  writeSleeping(folder.join('models'), { curve, instances: 1, dimension: 64 })
  const { code, err, out } = await bench(
    'bench/scaling/main.ts',
    ...['--quick', '--repository', folder.join('models'), '--cpu-servers', '2'],
    ...['--server-bin', resolve(root, '.cache/triton/tritonserver')],
    ...['--json', folder.join('out.json'), '--svg', folder.join('out.svg')],
  )
  expect(err).toContain('ESM-2, 2 server(s)')
  expect(code).toBe(0)
  const document = readDocument(folder.join('out.json'))
  expect(document).toMatchObject({ format: 'virnucpro-bench', bench: 'scaling', settings: { kind: 'reads' } })
  expect(value(document, 'ESM-2, 1 GPU: speed-up')).toBe(1)
  expect(value(document, 'ESM-2, 2 GPUs: speed-up')).toBeGreaterThan(0)
  expect(value(document, 'ESM-2, 2 GPUs: busy, number 1')).toBeGreaterThan(0)
  expect(value(document, 'DNABERT-S, 1 GPU: tokens')).toBeLessThanOrEqual(1_000_000)
  expect(out).toContain('ESM-2, 2 GPUs: speed-up')
  expect(readFileSync(folder.join('out.svg'), 'utf8')).toContain('<title>')
})

test('bench/scaling by simulation alone: results to compare, and 1 where a target is missed', async () => {
  await using folder = temporaryFolder()
  const json = folder.join('out.json')
  const words = ['bench/scaling/main.ts', '--quick', '--simulate-only', '--json', json] as const
  expect((await bench(...words)).code).toBe(0)
  const document = readDocument(json)
  const names = document.results.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const gpus of [2, 4, 8]) {
    const speed = value(document, `simulated, ${gpus} GPUs: speed-up`)
    expect(speed).toBeGreaterThan(1)
    expect(speed).toBeLessThanOrEqual(gpus)
  }
  expect(value(document, 'most GPUs for one client, with its preparation')).toBeGreaterThan(1)
  // A thousand frames are too few for eight GPUs.
  const checked = await bench(...words, '--check')
  expect(checked.out).toContain('missed: simulated, 8 GPUs')
  expect(checked.code).toBe(1)
  expect((await bench('bench/scaling/main.ts', '--kind', 'rods')).code).not.toBe(0)
})

test.skipIf(!hasTriton)(
  'bench/utilization: what a server computed under its load, and 1 below the limit',
  async () => {
    await using folder = temporaryFolder()
    await using server = await startSleeping(folder.join('models'), {
      sleepMs: 100,
      instances: 1,
      dimension: 320,
    })
    const json = folder.join('out.json')
    const words = ['bench/utilization/main.ts', '--quick', '--triton', server.grpcUrl] as const
    const pages = ['--metrics', server.metricsUrl, '--json', json]
    const enough = await bench(...words, ...pages, '--least', '0.01', '--ceiling', '1')
    expect({ code: enough.code, err: enough.err }).toEqual({ code: 0, err: '' })
    const document = readDocument(json)
    const share = value(document, 'server 0: busy')
    expect(share).toBeGreaterThan(1)
    expect(share).toBeLessThanOrEqual(100)
    expect(value(document, 'server 0: busy with esm2')).toBeCloseTo(share, 6)
    expect(value(document, 'server 0: requests')).toBeGreaterThan(3)
    expect(value(document, 'tokens')).toBeGreaterThan(0)
    const flops = value(document, 'operations of the matrix products')
    expect(value(document, 'share of the ceiling (MFU)')).toBeCloseTo(100 * flops, 6)

    // One idle second per request: it cannot be busy.
    const idle = await bench(...words, ...pages, '--command', 'sleep 1')
    expect(idle.out).toContain('nothing was computed')
    expect(idle.code).toBe(1)
    const low = await bench(...words, ...pages, '--least', '1.01')
    expect(low.out).toContain('is below 101 %')
    expect(low.code).toBe(1)
  },
)

test('the metrics page of a server with two GPUs, each with its own counts', () => {
  const page = `# HELP nv_inference_request_success Number of successful inference requests
nv_inference_request_success{gpu_uuid="GPU-a",model="esm2",version="1"} 10
nv_inference_request_success{gpu_uuid="GPU-b",model="esm2",version="1"} 12
nv_inference_compute_infer_duration_us{gpu_uuid="GPU-a",model="esm2",version="1"} 1500000
nv_inference_compute_infer_duration_us{gpu_uuid="GPU-b",model="esm2",version="1"} 1700000
nv_inference_compute_infer_duration_us{gpu_uuid="GPU-b",model="dnabert_s",version="1"} 200000
nv_gpu_utilization{gpu_uuid="GPU-a"} 0.91
nv_gpu_utilization{gpu_uuid="GPU-b"} 0.98
nv_cpu_utilization 0.2`
  const places = parsePage(page, 5)
  expect([...places.keys()]).toEqual(['GPU-a', 'GPU-b'])
  expect(places.get('GPU-b')).toEqual({
    at: 5,
    computed: new Map([
      ['esm2', 1_700_000],
      ['dnabert_s', 200_000],
    ]),
    requests: new Map([['esm2', 12]]),
    utilization: 0.98,
  })
})

test('bench/scaling/draw.ts puts what several machines measured into one plot', async () => {
  await using folder = temporaryFolder()
  const write = async (name: string, gpus: string[], results: [string, number][]) => {
    await Bun.write(
      folder.join(name),
      JSON.stringify({
        format: 'virnucpro-bench',
        version: 1,
        bench: 'scaling',
        machine: { gpus },
        settings: { quick: false },
        results: results.map(([what, value]) => ({
          name: `${what}: speed-up`,
          better: 'higher',
          value,
          low: value,
          high: value,
        })),
      }),
    )
    return folder.join(name)
  }
  const gpu = await write(
    'gpu.json',
    ['Card A', 'Card A'],
    [
      ['ESM-2, 1 GPU', 1],
      ['ESM-2, 2 GPUs', 1.99],
    ],
  )
  const other = await write(
    'other.json',
    [],
    [
      ['1 server, 8 instances', 7.9],
      ['2 servers, 2 instances', 1.97],
      ['simulated, prepared elsewhere, 16 GPUs', 15.8],
    ],
  )
  const svg = folder.join('plot.svg')
  const drawn = await bench('bench/scaling/draw.ts', '--svg', svg, gpu, other)
  expect({ code: drawn.code, err: drawn.err }).toEqual({ code: 0, err: '' })
  expect(drawn.out.trim().split('\n')).toEqual([
    '| ESM-2, Card A | 1 | 1.000 | 1.0000 |',
    '| ESM-2, Card A | 2 | 1.990 | 0.9950 |',
    '| Triton, a model that waits | 8 | 7.900 | 0.9875 |',
    '| simulated, prepared elsewhere | 16 | 15.800 | 0.9875 |',
  ])
  expect(readFileSync(svg, 'utf8')).toContain('>ESM-2, Card A<')
  await Bun.write(gpu, '{}')
  const broken = await bench('bench/scaling/draw.ts', gpu)
  expect(broken).toMatchObject({ code: 2, err: `error: ${gpu}: no result of a bench\n` })
})

test.skipIf(!hasPython)('the plot is a well-formed SVG with a mark for every point', async () => {
  await using folder = temporaryFolder()
  const series = [
    { name: 'one < & two', points: [1, 2, 8].map((gpus) => ({ gpus, speedUp: 0.98 * gpus })) },
    { name: 'other', points: [1, 512].map((gpus) => ({ gpus, speedUp: 0.4 * gpus })) },
  ]
  await Bun.write(folder.join('plot.svg'), plot('Speed & "scale"', series))
  const texts = await runPython(
    `import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
circles = [node for node in root.iter() if node.tag.endswith("}circle")]
print(root.tag, len(circles), "|".join(node.text for node in root.iter() if node.tag.endswith("}text")))`,
    folder.join('plot.svg'),
  )
  // Three points and one in the legend.
  expect(texts).toStartWith('{http://www.w3.org/2000/svg}svg 4 ')
  expect(texts).toContain('|GPUs|Speed & "scale": times the speed of one GPU')
  expect(texts).toContain('|ideal|one < & two|other')
})
