import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { estimateDeployment, estimateImport } from '../../../src/server/deploy/index.ts'
import { repository } from '../../support/cli.ts'

const sizes = {
  esm2: { layers: 36, width: 2560, hidden: 10_240 },
  dnabert_s: { layers: 12, width: 768, hidden: 3072 },
}
const gpus = (...names: string[]) =>
  names.map((name, i) => {
    const computeCapability = name === 'NVIDIA H200' ? '9.0' : '8.0'
    return { uuid: `GPU-${i}`, name, computeCapability, memoryBytes: 1.5e11 }
  })
const how = { precision: 'bf16', isCalibrated: true, cores: 16 } as const

test('estimates are within a third of what was measured', () => {
  const text = readFileSync(join(repository, 'bench/results/setup-h200.json'), 'utf8')
  const results = JSON.parse(text) as { name: string; value: number }[]
  const measured = (name: string) => results.find((each) => each.name === `gpu.setup.setup.${name}`)!.value
  const about = estimateDeployment(sizes, gpus('NVIDIA H200'), how)
  for (const [name, { seconds }] of [
    ['fp32-bundle', estimateImport(sizes, { precision: 'fp32', isCalibrated: false, cores: 16 })],
    ['bf16-models-calibrated', about.models],
    ['tensorrt-plans', about.plans],
    ['sizes-of-batches', about.batches],
    ['model-repository', about.repository],
  ] as const)
    expect([name, Math.abs(seconds / measured(name) - 1) < 1 / 3]).toEqual([name, true])
})

test('a second GPU of a kind builds at the same time, a second kind needs plans of its own', () => {
  const [one, two, kinds] = [['NVIDIA H200'], ['NVIDIA H200', 'NVIDIA H200'], ['NVIDIA H200', 'A100']].map(
    (names) => estimateDeployment(sizes, gpus(...names), how),
  )
  expect(two!.plans.seconds).toBeLessThan(one!.plans.seconds)
  expect(kinds!.plans.seconds).toBe(one!.plans.seconds)
  expect(two!.plans.bytes).toBe(one!.plans.bytes)
  expect(kinds!.plans.bytes).toBe(2 * one!.plans.bytes)
})

test('more cores calibrate faster, smaller models take less of everything', () => {
  expect(estimateImport(sizes, { ...how, cores: 2 }).seconds).toBeGreaterThan(
    2 * estimateImport(sizes, how).seconds,
  )
  const small = { ...sizes, esm2: { layers: 6, width: 320, hidden: 1280 } }
  const [less, more] = [small, sizes].map((each) => estimateDeployment(each, gpus('NVIDIA H200'), how))
  for (const part of ['models', 'plans', 'batches', 'repository'] as const)
    expect(less![part].seconds).toBeLessThan(more![part].seconds)
})

test('a partner takes a plan of its own, room for its weights, and a calibration', () => {
  const fp8 = { precision: 'fp8', isCalibrated: true, cores: 16 } as const
  const [alone, both] = [false, true].map((isPartnered) =>
    estimateDeployment(sizes, gpus('NVIDIA H200'), { ...fp8, isPartnered }),
  )
  // 36 layers of 2560 in BF16, and the same again as a plan.
  for (const part of ['models', 'plans'] as const) {
    const more = both![part].bytes - alone![part].bytes
    expect([part, Math.round(more / 1e8)]).toEqual([part, 57])
    expect(both![part].seconds).toBeGreaterThan(alone![part].seconds)
  }
})
