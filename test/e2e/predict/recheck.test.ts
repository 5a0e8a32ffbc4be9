import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { type BoundsRecord, openBundle, pairOf, writeBounds } from '../../../src/bundle/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { readMetrics } from '../../../src/monitor/index.ts'
import { logit } from '../../../src/recheck/index.ts'
import type { FrameRow } from '../../../src/results/index.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { decodeMerged, readTorchFile } from '../../../src/torchfile/index.ts'
import { changeWeights, writeRandomModels } from '../../integration/import/support/models.ts'
import { resealBundle } from '../../support/bundle.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { readFrameTable } from '../../support/frame-table.ts'
import { hasTerminal, openTerminal } from '../../support/terminal.ts'
import { differences, outputs, run, start } from './resume-support.ts'

const folder = temporaryFolder()
const at = folder.join
/** Frames of a part. */
const PART = 250

/** The words of a run over the input, into a folder of its name. */
function words(name: string, bundle: string, ...more: string[]): string[] {
  const out = at('out', name)
  const fixed = `predict ${at('in.fa')} --output-dir ${out} --bundle ${at(bundle)} --expected-length 300 --backend onnx`
  return [...`${fixed} --threads 1 --sequences-per-file ${PART} --esm-batch-size 2048`.split(' '), ...more]
}

async function predicted(name: string, bundle: string, ...more: string[]): Promise<string> {
  const { code, messages } = await run(words(name, bundle, ...more))
  if (code !== 0) throw new Error(messages)
  return messages
}

async function frames(name: string): Promise<FrameRow[]> {
  const all: FrameRow[] = []
  for await (const rows of readFrameTable(at('out', name, 'in_results', 'frames.parquet'))) all.push(...rows)
  return all
}

/** Everything that a run has decided: calls of frames, chunks and records with their tiers, and viral stretches. */
function decisions(name: string): Record<string, string> {
  const table = (path: string) => readFileSync(at('out', name, path), 'utf8')
  const columns = (text: string, ...places: number[]) =>
    text
      .split('\n')
      .map((line) => places.map((place) => line.split('\t')[place]).join(' '))
      .join('\n')
  return {
    frames: columns(table('in_merged/prediction_results.txt'), 0, 1),
    chunks: table('in_merged/prediction_results_highestscore.csv'),
    contigs: columns(table('in_results/contigs.tsv'), 0, 4, 9, 10),
    shown: columns(table('in_results/chunks.gff3'), 0, 3),
    stretches: columns(table('in_results/viral.bed'), 0, 1, 2),
  }
}

function summaryOf(name: string) {
  return JSON.parse(readFileSync(at('out', name, 'in_report', 'summary.json'), 'utf8'))
}

/** Logits of the frames of a run in their order. */
async function logitsOf(name: string): Promise<number[]> {
  return (await frames(name)).map(({ others, virus }) => logit(others, virus))
}

/** Writes how far the models of a bundle may be off. */
async function bound(name: string, bounds: readonly [upTo: number, bound: number][]): Promise<void> {
  const bundle = await openBundle(at(name))
  const record: BoundsRecord = {
    ...pairOf(bundle.manifest)!.digests,
    classifier: bundle.manifest.models.mlp.graph.sha256,
    ...{ backend: 'test', seed: 1, frames: 3000, factor: 1.25 },
    classes: bounds.map(([upTo, bound]) => ({ upTo, bound, frames: 1500, largest: bound / 1.25 })),
    measured: new Date(0).toISOString(),
  }
  await writeBounds(bundle, [record])
}

function features(name: string, part: number) {
  return readTorchFile(at('out', name, 'in_merged', `output_${part}_merged.pt`)).then(decodeMerged)
}

describe('frames that a quantized model leaves open', () => {
  beforeAll(async () => {
    const models = await writeRandomModels(folder.path)
    // Scores on both sides of every threshold.
    changeWeights(models.mlp, /^output_layer/, (value) => 6 * value)
    changeWeights(models.mlp, /^output_layer.bias/, (value, i) => value + (i === 1 ? 11.2 : 0))
    const common = { ...models, chunkLength: 300, precision: 'int8' } as const
    await importModels({ ...common, output: at('int8'), recheck: 'on' })
    await importModels({ ...common, output: at('alone') })
    // What every frame has exactly: the partner in the place of the quantized model.
    cpSync(at('int8'), at('exact'), { recursive: true })
    resealBundle(at('exact'), (manifest) => {
      const { recheck, ...esm2 } = manifest.models.esm2
      const { graph, weights } = recheck!
      Object.assign(manifest, { version: 1 })
      manifest.models.esm2 = { ...esm2, graph, weights }
    })
    await writeFile(at('in.fa'), randomFasta(5, 50, 1500))
    await mkdir(at('out'))
    await predicted('exact', 'exact', '--keep-intermediate')
    await predicted('off', 'int8')
    const [exact, off] = [await logitsOf('exact'), await logitsOf('off')]
    const largest = [0, 0]
    for (const [i, { start, end }] of (await frames('off')).entries()) {
      const long = Number((end - start + 1) / 3 + 2 > 64.5)
      largest[long] = Math.max(largest[long]!, Math.abs(exact[i]! - off[i]!))
    }
    cpSync(at('int8'), at('doubtful'), { recursive: true })
    await bound('int8', [
      [64, 1.01 * largest[0]!],
      [128, 1.01 * largest[1]!],
    ])
    await bound('doubtful', [
      [64, 10 * largest[0]!],
      [128, 0.1 * largest[1]!],
    ])
    await predicted('on', 'int8', '--recheck', 'on', '--keep-intermediate')
  }, 90_000)
  afterAll(() => folder[Symbol.asyncDispose]())

  test('are computed in its partner, and all calls are those of the partner', async () => {
    expect(decisions('off')).not.toEqual(decisions('exact'))
    expect(decisions('on')).toEqual(decisions('exact'))
    const { recheck, counts, computed } = summaryOf('on')
    expect(computed).toEqual(summaryOf('off').computed)
    expect(recheck).toMatchObject({ quantized: 'int8', partner: 'fp32', beyond: 0 })
    expect(recheck.rechecked / counts.frames).toBeWithin(0.02, 0.5)
    expect(recheck.audited).toBeWithin(1, 40)
    for (const { largest, bound, frames } of recheck.classes) {
      expect(largest).toBeLessThanOrEqual(bound)
      expect(largest > 0).toBe(frames > 0)
    }
    const page = (name: string) => readFileSync(at('out', name, 'in_report', 'report.html'), 'utf8')
    expect(page('on')).toContain(`INT8, rechecked in FP32: ${recheck.rechecked} of `)
    expect(page('off')).not.toContain('<h2>Recheck</h2>')
    const [on, exact, off] = [await frames('on'), await frames('exact'), await frames('off')]
    expect(on.filter(({ precision }) => precision === 'fp32')).toHaveLength(recheck.rechecked)
    expect(off[0]).not.toHaveProperty('precision')
    for (const [i, { precision, virus }] of on.entries()) {
      if (precision === 'fp32') expect(virus).toBeCloseTo(exact[i]!.virus, 5)
      else expect(virus).toBe(off[i]!.virus)
    }
  })

  test('have the vectors of the partner in the files that are kept', async () => {
    const [on, exact] = [await frames('on'), await frames('exact')]
    const [ours, theirs] = [await features('on', 1), await features('exact', 1)]
    const { dim } = ours
    let quantized = 0
    for (let row = 0; row < PART; row++) {
      const of = (rows: Float32Array) => rows.subarray(row * dim, (row + 1) * dim)
      const difference = of(ours.rows).reduce(
        (most, x, i) => Math.max(most, Math.abs(x - of(theirs.rows)[i]!)),
        0,
      )
      if (on[row]!.precision === 'fp32') expect(difference).toBeLessThan(1e-4)
      else if (difference > 1e-4) quantized++
    }
    expect(quantized).toBeGreaterThan(PART / 3)
    expect(exact.length).toBe(on.length)
  })

  test('are the same in a run that was killed while it computed them', async () => {
    const asked = words('killed', 'int8', '--recheck', 'on', '--keep-intermediate', '--verbose')
    const first = start(asked)
    expect(await first.said('computed esm2_recheck')).toBe(true)
    first.child.kill('SIGKILL')
    await first.ended()
    const { code, messages } = await run(asked)
    expect({ code, messages }).toMatchObject({ code: 0, messages: expect.stringContaining('continuing') })
    expect(differences(outputs(at('out', 'on')), outputs(at('out', 'killed')))).toEqual([])
    const facts = ({ recheck }: ReturnType<typeof summaryOf>) => recheck
    expect(facts(summaryOf('killed'))).toEqual(facts(summaryOf('on')))
  }, 60_000)

  test('are the same from a pipe, and in tables that are made once more', async () => {
    const asked = words('pipe', 'int8', '--recheck', 'on', '--keep-intermediate', '--prefix', 'in')
    asked.splice(asked.indexOf(at('in.fa')), 1, '-')
    const { code } = await run(asked, { stdin: readFileSync(at('in.fa'), 'utf8') })
    expect(code).toBe(0)
    expect(differences(outputs(at('out', 'on')), outputs(at('out', 'pipe')))).toEqual([])
    cpSync(at('out', 'on'), at('out', 'again'), { recursive: true })
    await rm(at('out', 'again', 'in_results'), { recursive: true })
    await predicted('again', 'int8', '--recheck', 'on', '--keep-intermediate')
    expect(differences(outputs(at('out', 'on')), outputs(at('out', 'again')))).toEqual([])
    const other = await predicted(
      'again',
      'int8',
      '--recheck',
      'on',
      '--keep-intermediate',
      '--call-delta',
      '0.2',
    )
    expect(other).toContain('chosen for the rule that the run had')
  }, 60_000)

  test('are known in runs over pieces that are brought together', async () => {
    const shards = at('shards')
    const made = await run(['shard', at('in.fa'), '--output-dir', shards, '--shards', '2'])
    expect(made).toMatchObject({ code: 0 })
    const list: { shards: { file: string }[] } = JSON.parse(readFileSync(`${shards}/shards.json`, 'utf8'))
    const runs = list.shards.map((_, i) => `piece-${i}`)
    for (const [i, { file }] of list.shards.entries()) {
      const asked = words(`piece-${i}`, 'int8', '--recheck', 'on')
      asked.splice(asked.indexOf(at('in.fa')), 1, `${shards}/${file}`)
      expect(await run(asked)).toMatchObject({ code: 0 })
    }
    const folders = runs.map((name) => at('out', name))
    const merged = await run(['merge', ...folders, '--manifest', shards, '--output-dir', at('out', 'merged')])
    expect(merged).toMatchObject({ code: 0 })
    const precisions = async (name: string) => (await frames(name)).map(({ precision }) => precision)
    expect(await precisions('merged')).toEqual(await precisions('on'))
    const { classes: _, ...sums } = summaryOf('on').recheck
    expect(summaryOf('merged').recheck).toMatchObject(sums)
    expect(decisions('merged')).toEqual(decisions('exact'))
  }, 60_000)

  test.skipIf(!hasTriton)(
    'are computed on servers that host both',
    async () => {
      await buildRepository({ bundle: at('int8'), backend: 'python', output: at('repository'), threads: 1 })
      const models = ['esm2', 'dnabert_s', 'esm2_recheck']
      await using server = await startTriton({ repository: at('repository'), models })
      const asked = words('servers', 'int8', '--recheck', 'on').map((word) =>
        word === 'onnx' ? 'triton' : word,
      )
      expect(await run([...asked, '--triton', server.grpcUrl])).toMatchObject({ code: 0 })
      expect(decisions('servers')).toEqual(decisions('exact'))
      const [here, there] = [summaryOf('on').recheck, summaryOf('servers').recheck]
      expect(there.classes.map(({ bound }: { bound: number }) => bound)).toEqual(
        here.classes.map(({ bound }: { bound: number }) => bound),
      )
      expect(Math.abs(there.rechecked - here.rechecked)).toBeLessThan(10)
    },
    60_000,
  )

  test('are all of a length class where one is off by more than the bound', async () => {
    const messages = await predicted('doubtful', 'doubtful', '--recheck', 'on')
    expect(messages).toContain('warning: frames of up to 128 tokens are off by ')
    expect(messages).toContain('virnucpro models recheck BUNDLE --input FASTA --force')
    const { recheck } = summaryOf('doubtful')
    const [short, long] = recheck.classes
    expect([short.exceeded, long.exceeded]).toEqual([false, true])
    expect(long.largest).toBeGreaterThan(long.bound)
    const rows = await frames('doubtful')
    for (const { start, end, precision } of rows)
      if ((end - start + 1) / 3 + 2 > 65) expect(precision).toBe('fp32')
    expect(rows.some(({ precision }) => precision === 'int8')).toBe(true)
    expect(decisions('doubtful')).toEqual(decisions('exact'))
  }, 60_000)

  test.skipIf(!hasTerminal)(
    'are shown and counted while they are computed',
    async () => {
      cpSync(at('int8'), at('open'), { recursive: true })
      await bound('open', [
        [64, 1e3],
        [128, 1e3],
      ])
      await writeFile(at('long.fa'), randomFasta(6, 300, 1500))
      using terminal = openTerminal(100, 20)
      const asked = words('shown', 'open', '--recheck', 'on', '--metrics-interval', '1')
      asked.splice(asked.indexOf(at('in.fa')), 1, at('long.fa'))
      terminal.type(
        `${process.execPath} ${join(repository, 'src/cli/main.ts')} ${asked.join(' ')}; echo code $?`,
        'Enter',
      )
      // Each has its figures at a moment of its own.
      const shown = [
        /^ESM-2 .* [1-9]\d* % /m,
        /^Rechecked +\[ *\] +0 % +0 of ([\d,]+) frames$/m,
        /^Time left +\d+:\d\d /m,
      ] as const
      const screen = await terminal.until((text) => shown.every((each) => each.test(text)))
      const [, all = ''] = shown[1].exec(screen) ?? []
      await terminal.until((text) => text.includes('code 0'))
      const lines = await readMetrics(at('out', 'shown', 'long_report', 'metrics.jsonl'))
      const samples = lines.filter((line) => line.kind === 'sample')
      const frames = Number(all.replaceAll(',', ''))
      expect(frames).toBe(samples.at(-1)?.frames.done as number)
      expect(samples.flatMap(({ recheck }) => recheck ?? [])).toContainEqual({ done: 0, all: frames })
      expect(samples[0]).not.toHaveProperty('recheck')
      expect(samples.at(-1)).not.toHaveProperty('recheck')
    },
    90_000,
  )

  test('are counted by verify, and a call that they do not save is an error', async () => {
    const asked = (bundle: string, input: string) =>
      `verify --bundle ${at(bundle)} --calls ${input} --expected-length 300`.split(' ')
    const { code, stdout } = await virnucpro([...asked('int8', at('in.fa')), '--json'])
    expect(code).toBe(0)
    const { flips, compared, rechecked, within, classes } = JSON.parse(stdout)
    expect(compared.frames).toBe(summaryOf('on').counts.frames)
    expect(Object.values(flips.rechecked)).toEqual([0, 0, 0, 0])
    expect(flips.quantized.frames).toBeGreaterThan(0)
    expect(rechecked).toBe(summaryOf('on').recheck.rechecked)
    expect(within).toBe(true)
    for (const { largest, bound } of classes) expect(largest).toBeLessThanOrEqual(bound)
    // A record with a frame that INT8 calls otherwise, and bounds that know nothing of it.
    const [off, exact] = [await frames('off'), await frames('exact')]
    const isViral = ({ virus, others }: FrameRow) => virus > others
    const flipped = off.find((row, i) => isViral(row) !== isViral(exact[i]!))!
    const record = readFileSync(at('in.fa'), 'utf8')
      .split('>')
      .find((text) => text.startsWith(`${flipped.name}\n`))!
    await writeFile(at('flipped.fa'), `>${record}`)
    cpSync(at('int8'), at('wrong'), { recursive: true })
    await bound('wrong', [
      [64, 1e-9],
      [128, 1e-9],
    ])
    const wrong = await virnucpro(asked('wrong', at('flipped.fa')))
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toMatch(/int8 with recheck: [1-9]\d* of /)
    expect(wrong.stderr).toContain('changed in spite of the recheck')
  }, 60_000)

  test('are an error where nothing can compute them, if that is asked for', async () => {
    const without = await run(words('without', 'alone', '--recheck', 'on'))
    expect(without.code).toBe(64)
    expect(without.messages).toContain('there is no more precise model beside the one in INT8')
    await rm(at('doubtful', 'recheck.json'))
    const unmeasured = await run(words('without', 'doubtful', '--recheck', 'on'))
    expect(unmeasured.code).toBe(64)
    expect(unmeasured.messages).toContain('was not measured with this classifier')
  })
})
