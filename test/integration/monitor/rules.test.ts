import { expect, test } from 'bun:test'
import type { HostedName } from '../../../src/bundle/index.ts'
import type { DeviceMetrics } from '../../../src/monitor/index.ts'
import type { Finding, Observation } from '../../../src/monitor/rules/history.ts'
import { Rules } from '../../../src/monitor/rules/rules.ts'
import { ModelStats } from '../../../src/monitor/run-stats.ts'

// What real servers cannot be made to do in a test: hours of memory, GPUs, heat.

interface At {
  seconds: number
  /** What both lanes host. */
  model: HostedName
  waiting: number
  inFlight: number
  /** Batches of 1,000 tokens that each of two lanes has done. */
  batches: readonly [number, number]
  busy: number
  healthy: boolean
  rssBytes: number
  devices: DeviceMetrics[]
  moreToCome: boolean
}

function observation(at: Partial<At> & { seconds: number }): Observation {
  const all: At = {
    model: 'esm2',
    waiting: 100,
    inFlight: 2,
    batches: [at.seconds, at.seconds],
    busy: 1,
    healthy: true,
    rssBytes: 2e9,
    devices: [],
    moreToCome: true,
    ...at,
  }
  const done = all.batches[0] + all.batches[1]
  const esm2 = {
    ...new ModelStats().metrics,
    sequences: 10 * done,
    tokens: 900 * done,
    paddedTokens: 1000 * done,
    batches: done,
    inFlight: all.inFlight,
    plannedTokens: 1e9,
  }
  return {
    moreToCome: all.moreToCome,
    waiting: { [all.model]: all.waiting },
    lanes: all.batches.map((batches, i) => ({
      name: `${all.model} at host${i}:8001`,
      model: all.model,
      server: `host${i}:8001`,
      instances: 1,
      healthy: all.healthy,
      inFlight: all.inFlight,
      batches,
      sequences: 10 * batches,
      paddedTokens: 1000 * batches,
      busySeconds: undefined,
      memoryTokens: undefined,
      answers: true,
      busy: all.busy,
      sequencesPerSecond: 10,
    })),
    sample: {
      seconds: all.seconds,
      frames: { prepared: 1e6, done: 0, known: 0 },
      models: { esm2, dnabert_s: esm2 },
      devices: all.devices,
      process: { rssBytes: all.rssBytes, cpuSeconds: all.seconds },
    },
  }
}

/** What is said over samples 10 s apart. */
function judged(
  count: number,
  at: (seconds: number) => Partial<At>,
  rules = new Rules(),
  from = 0,
): Finding[] {
  return Array.from({ length: count }, (_, i) => from + 10 * i).flatMap((seconds) =>
    rules.check(observation({ seconds, ...at(seconds) })),
  )
}

const codes = (findings: readonly Finding[]) =>
  findings.map(({ code, device }) => `${code} ${device ?? ''}`.trim())

test('nothing is said of an hour in which all is well', () => {
  const gpu = (seconds: number): DeviceMetrics => ({
    name: 'gpu 0',
    kind: 'gpu',
    busy: 0.9 + 0.1 * Math.sin(seconds),
    memoryUsedBytes: 60e9,
    temperatureCelsius: 70,
  })
  // Models load and pools fill for ten minutes; then windows of frames come and go.
  const rss = (t: number) => 4e9 * (1 - Math.exp(-t / 200)) + 3e8 * Math.sin(t / 30) + 5e8
  const findings = judged(360, (t) => ({
    devices: [gpu(t)],
    rssBytes: rss(t),
    batches: [Math.floor(t / 3), Math.floor(t / 3.3)],
  }))
  expect(findings).toEqual([])
})

test('a device that does nothing for a minute while work is waiting is named, with what to do', () => {
  const idle = (t: number) => ({ batches: [t, 0] as const, inFlight: 0 })
  // Both lanes show no batch in flight; the first one works all the same.
  expect(codes(judged(6, idle))).not.toContain('idle esm2 at host1:8001')
  expect(codes(judged(7, idle))).toContain('idle esm2 at host1:8001')
  expect(codes(judged(7, idle))).not.toContain('idle esm2 at host0:8001')
  expect(codes(judged(20, (t) => ({ ...idle(t), waiting: 0 })))).not.toContain('idle esm2 at host1:8001')
  const gpus = (busy: number): DeviceMetrics[] => [
    { name: 'gpu 0 at host0:8001', kind: 'gpu', busy: 1 },
    { name: 'gpu 1 at host0:8001', kind: 'gpu', busy },
    // Of this machine, and no server's.
    { name: 'gpu 2', kind: 'gpu', busy: 0 },
  ]
  const [finding, ...more] = judged(7, () => ({ devices: gpus(0) }))
  expect({ ...finding, more }).toMatchObject({ code: 'idle', device: 'gpu 1 at host0:8001', more: [] })
  expect(finding?.message).toContain('instance_group')
  expect(judged(7, () => ({ devices: gpus(0.01) }))).toEqual([])
})

test('lanes that differ by more than a fifth are named after three samples, the slow ones only', () => {
  const slow = (factor: number) => (t: number) => ({
    batches: [10 * t, Math.floor(10 * factor * t)] as const,
  })
  expect(judged(3, slow(0.5))).toEqual([])
  expect(codes(judged(4, slow(0.5)))).toEqual(['imbalance esm2 at host1:8001'])
  expect(judged(4, slow(0.5))[0]?.message).toContain('50 % slower than esm2 at host0:8001')
  expect(codes(judged(4, slow(0.75)))).toEqual(['imbalance esm2 at host1:8001'])
  expect(judged(50, slow(0.85))).toEqual([])
  // Few long batches: one more or less is chance.
  expect(judged(4, (t) => ({ batches: [Math.ceil(t / 8), Math.floor(t / 8)] }))).toEqual([])
  // Without a queue the second one was given less.
  expect(judged(9, (t) => ({ ...slow(0.5)(t), waiting: 0 }))).toEqual([])
})

test('lanes of a partner are judged while frames are rechecked', () => {
  const rechecking = (t: number) => ({ model: 'esm2_recheck' as const, batches: [10 * t, 0] as const })
  expect(codes(judged(7, (t) => ({ ...rechecking(t), inFlight: 0 })))).toContain(
    'idle esm2_recheck at host1:8001',
  )
  expect(codes(judged(4, rechecking))).toEqual(['imbalance esm2_recheck at host1:8001'])
})

test('a cause is told once, and again when it had gone and has come back', () => {
  const rules = new Rules()
  const throttled = (): Partial<At> => ({ devices: [{ name: 'gpu 0', kind: 'gpu', throttled: ['thermal'] }] })
  const cool = (): Partial<At> => ({ devices: [{ name: 'gpu 0', kind: 'gpu' }] })
  expect(judged(2, throttled, rules)).toEqual([])
  expect(codes(judged(20, throttled, rules, 20))).toEqual(['throttled gpu 0'])
  expect(judged(2, cool, rules, 220)).toEqual([])
  expect(judged(5, throttled, rules, 240)).toEqual([])
  expect(judged(10, cool, rules, 290)).toEqual([])
  expect(judged(9, throttled, rules, 390)[0]?.message).toContain('cooling')
})

test('a program that cannot keep its devices busy is told so, while frames are to come', () => {
  const starved = { waiting: 0, inFlight: 1, busy: 0.5 }
  expect(codes(judged(4, () => starved))).toEqual(['client-bound'])
  expect(judged(9, () => ({ ...starved, busy: 0.85 }))).toEqual([])
  expect(judged(9, () => ({ ...starved, moreToCome: false }))).toEqual([])
  // Nothing is computed where all is known from an earlier run.
  expect(judged(9, () => ({ ...starved, batches: [7, 7] }))).toEqual([])
})

test('memory that grows steadily is told, of this program and of a GPU', () => {
  const leaking = judged(200, (t) => ({ rssBytes: 2e9 + 1e6 * t }))
  expect(codes(leaking)).toEqual(['memory-growth'])
  expect(leaking[0]?.message).toContain('57 MiB a minute')
  const gpu = (bytes: number): DeviceMetrics[] => [
    { name: 'gpu 0', kind: 'gpu', busy: 1, memoryUsedBytes: bytes },
  ]
  expect(codes(judged(200, (t) => ({ devices: gpu(10e9 + 5e6 * t) })))).toEqual(['memory-growth gpu 0'])
  // Slowly, in steps, or ever less.
  expect(judged(360, (t) => ({ rssBytes: 2e9 + 5e4 * t }))).toEqual([])
  expect(judged(360, (t) => ({ rssBytes: t < 1500 ? 2e9 : 4e9 }))).toEqual([])
  expect(judged(360, (t) => ({ rssBytes: 6e9 * (1 - Math.exp(-t / 400)) }))).toEqual([])
})

test('a lane that gives no answers though its server does is stalled', () => {
  expect(codes(judged(4, () => ({ healthy: false })))).toEqual([
    'stalled esm2 at host0:8001',
    'stalled esm2 at host1:8001',
  ])
})
