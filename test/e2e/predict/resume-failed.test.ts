import { expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { EsmAlphabet } from '../../../src/tokenizers/index.ts'
import { breakGraph } from '../../support/broken-graph.ts'
import { resealBundle } from '../../support/bundle.ts'
import { refusingRepository } from '../../support/refusing.ts'
import { predictHere } from './resume-inprocess.ts'
import { computed, outputs, repository, run, sum } from './resume-support.ts'

setDefaultTimeout(60_000)

/** Frames of the table of frames, in order. */
const rowsOf = (output: string) =>
  (outputs(output).get('reads_merged/prediction_results.txt') ?? '').toString().trim().split('\n').slice(2)

/** The list of frames that failed, as cells. */
function framesListed(output: string): string[][] {
  const text = readFileSync(join(output, 'reads_failed_frames.tsv'), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
}

test('parts that fail are listed, the others finish, and the next run tries only what is missing', async () => {
  await using folder = temporaryFolder()
  const bundle = folder.join('bundle')
  cpSync(join(repository, 'examples', 'demo-bundle'), bundle, { recursive: true })
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(1, 12))
  const options = { bundle, dnabertTokenBudget: 80, sequencesPerFile: 3 }
  await predictHere(input, folder.join('whole'), options)
  const expected = outputs(folder.join('whole'))

  breakGraph(join(bundle, 'dnabert_s', 'model.onnx'))
  resealBundle(bundle)
  const output = folder.join('output')
  const failed = join(output, 'failed_files.txt')
  const first = await predictHere(input, output, options)
  expect(first.error).toBeUndefined()
  const failures = first.result?.failedParts ?? 0
  expect(failures).toBeGreaterThan(0)
  expect(failures).toBeLessThan(24)

  // The list, in the form of Broad's fork: a FASTA file, what failed on it, why.
  const listed = readFileSync(failed, 'utf8')
  const lines = listed.trimEnd().split('\n')
  expect(lines).toHaveLength(failures)
  const numbers = lines.map((line) => {
    const [path, step, reason] = line.split('|')
    expect(step).toBe('DNABERT-S')
    expect(reason).toContain('dnabert_s failed on a batch')
    expect(existsSync(path as string)).toBe(true)
    return Number(/output_(\d+)\.fa$/.exec(path as string)?.[1])
  })

  // The tables hold the frames of all other parts as an undisturbed run has them.
  const missing = new Set(
    numbers.flatMap(
      (part) =>
        (expected.get(`reads_nucleotide/output_${part}.fa`) ?? '').toString().match(/(?<=>).*/g) ?? [],
    ),
  )
  const all = rowsOf(folder.join('whole'))
  // Every record has its row, which says whether frames of it are missing.
  const contigs = (outputs(output).get('reads_results/contigs.tsv') ?? '').toString().trim().split('\n')
  const frameIds = all.map((row) => row.slice(0, row.indexOf('\t')))
  const states = Array.from({ length: 12 }, (_, i) => {
    const own = frameIds.filter((id) => id.startsWith(`r${i}_chunk_`))
    const left = own.filter((id) => !missing.has(id)).length
    if (left === 0) return `r${i} failed failed`
    return `r${i} scored ${left < own.length ? 'frames_failed' : 'NA'}`
  })
  expect(contigs.slice(2).map((row) => row.split('\t').toSpliced(1, 10).join(' '))).toEqual(states)
  expect(new Set(states.map((state) => state.split(' ')[2]))).toEqual(new Set(['NA', 'frames_failed']))

  // The list of frames names each with its record, once.
  const [header, ...frames] = framesListed(output)
  expect(header).toEqual(['source', 'record', 'frame', 'part', 'step', 'reason'])
  expect(frames.map(([, , frame]) => frame as string)).toEqual([...missing])
  for (const [source, record, frame, part, step, reason] of frames) {
    expect([source, frame?.startsWith(`${record}_chunk_`)]).toEqual([input, true])
    expect([numbers.includes(Number(part)), step]).toEqual([true, 'DNABERT-S'])
    expect(reason).toContain('dnabert_s failed on a batch')
  }
  const framesBefore = readFileSync(join(output, 'reads_failed_frames.tsv'), 'utf8')
  expect(missing.size).toBe(all.length - rowsOf(output).length)
  expect(rowsOf(output)).toEqual(all.filter((line) => !missing.has(line.split('\t')[0] as string)))

  // The command line ends with 2, and what failed is tried again each time.
  const words = `predict ${input} --output-dir ${output} --bundle ${bundle} --expected-length 300 --sequences-per-file 3 --keep-intermediate --dnabert-batch-size 80 --esm-batch-size 1024 --verbose`
  for (let time = 0; time < 2; time++) {
    const again = await run(words.split(' '))
    expect(again.code).toBe(2)
    expect(again.messages).toContain(`${failures} of 24 parts failed`)
    // All others are known.
    expect(computed(again.messages)).toEqual({ esm2: [], dnabert_s: [] })
    expect(readFileSync(failed, 'utf8')).toBe(listed)
    expect(readFileSync(join(output, 'reads_failed_frames.tsv'), 'utf8')).toBe(framesBefore)
  }
  // That parts failed is said whatever else is not, and how to run only those.
  const log = folder.join('run.log')
  const quiet = await run([...words.replace(' --verbose', '').split(' '), '--quiet', '--log-file', log])
  expect(quiet.code).toBe(2)
  expect(quiet.messages.trim().split('\n')).toEqual([
    expect.stringMatching(
      new RegExp(
        `^error: ${failures} of 24 parts failed, ${missing.size} frames missing from the tables: .*reads_failed_frames.tsv lists`,
      ),
    ),
  ])
  expect(quiet.messages).toContain('The same command computes only these')
  // The log has why, for each.
  const logged = readFileSync(log, 'utf8')
  expect(
    logged.match(/INFO - DNABERT-S has no embedding for \d+ sequences?: dnabert_s failed/g)?.length,
  ).toBeGreaterThan(0)
  expect(logged.match(/INFO - part \d+: 3 frames in \d+\.\d\d s; batches: /g)).toHaveLength(failures)
  expect(logged).toMatch(/INFO - dnabert_s of the bundle: fp32, digest [0-9a-f]{64}\n/)

  // With sound models both lists go; what a run of the same name has recorded goes with --force as well.
  const force = await run([...words.replace(bundle, 'demo').split(' '), '--force'])
  expect(force.code).toBe(0)
  expect([failed, join(output, 'reads_failed_frames.tsv')].filter(existsSync)).toEqual([])
})

test.skipIf(!hasTriton)(
  'what a model refused in one place is computed in another, and nothing else',
  async () => {
    await using folder = temporaryFolder()
    const input = folder.join('reads.fa')
    writeFileSync(input, randomFasta(1, 12))
    const words = (name: string, ...more: string[]) => [
      ...[
        'predict',
        input,
        '--output-dir',
        folder.join(name),
        '--bundle',
        'demo',
        '--expected-length',
        '300',
      ],
      ...['--sequences-per-file', '7', '--token-budget', '600', '--verbose', ...more],
    ]
    const whole = await run(words('whole', '--backend', 'onnx'))
    expect(whole.code).toBe(0)
    const all = rowsOf(folder.join('whole'))
    const log = folder.join('run.log')
    let address = ''
    let refused: Awaited<ReturnType<typeof run>>
    {
      const models = await refusingRepository(folder.join('repository'))
      await using server = await startTriton({ repository: models })
      address = server.grpcUrl.slice('grpc://'.length)
      refused = await run(words('output', '--triton', server.grpcUrl, '--log-file', log))
    }
    expect(refused.code).toBe(2)
    const missing = all.length - rowsOf(folder.join('output')).length
    expect(missing).toBeGreaterThan(1)
    expect(framesListed(folder.join('output'))).toHaveLength(missing + 1)
    // The log says what the server hosts, where each part was computed, and why the server failed.
    const logged = readFileSync(log, 'utf8')
    for (const model of ['esm2', 'dnabert_s'])
      expect(logged).toMatch(
        new RegExp(`INFO - ${model} at [^ ]*${address}: fp32, digest [0-9a-f]{64}, instances: 1`),
      )
    expect(logged).toMatch(
      new RegExp(`INFO - part 1: 7 frames in [0-9.]+ s; batches: .*\\d of ESM-2 at ${address}`),
    )
    expect(logged).toContain('these tokens are refused')
    expect(logged).toMatch(new RegExp(`INFO - dnabert_s at [^ ]*${address} failed on a batch of `))
    const last = await run(words('output', '--backend', 'onnx'))
    expect(last.code).toBe(0)
    const { esm2, dnabert_s } = computed(last.messages)
    expect(esm2).toEqual([])
    // Equal sequences once, and no other of their batches.
    expect(sum(dnabert_s)).toBe(
      sum(computed(whole.messages).dnabert_s) - sum(computed(refused.messages).dnabert_s),
    )
    expect(sum(dnabert_s)).toBeLessThanOrEqual(missing)
    const rows = rowsOf(folder.join('output')).map((row) => row.split('\t'))
    expect(rows.map(([id]) => id)).toEqual(all.map((row) => row.split('\t')[0]))
    for (const [i, row] of rows.entries())
      expect(Math.abs(Number(row[3]) - Number(all[i]?.split('\t')[3]))).toBeLessThan(2e-5)
    for (const name of ['failed_files.txt', 'reads_failed_frames.tsv'])
      expect(existsSync(join(folder.join('output'), name))).toBe(false)
  },
)

/**
 * Reads, all in one part, and a copy of the demonstration's bundle to do damage to; `expected` are the rows of an undisturbed
 * run, `whole`.
 */
async function undisturbed(
  folder: ReturnType<typeof temporaryFolder>,
  more: Parameters<typeof predictHere>[2],
) {
  const bundle = folder.join('bundle')
  cpSync(join(repository, 'examples', 'demo-bundle'), bundle, { recursive: true })
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(1, 12))
  const predict = (name: string) =>
    predictHere(input, folder.join(name), { ...more, bundle, sequencesPerFile: 10_000 })
  const rows = (name: string) =>
    (outputs(folder.join(name)).get('reads_merged/prediction_results.txt') ?? '').toString().split('\n')
  await predict('whole')
  return { bundle, predict, rows, expected: rows('whole') }
}

test('a sequence that the model refuses takes no other with it, not even of its own part', async () => {
  await using folder = temporaryFolder()
  const { bundle, predict, rows, expected } = await undisturbed(folder, { dnabertTokenBudget: 400 })

  const graph = join(bundle, 'dnabert_s', 'model.onnx')
  breakGraph(graph)
  resealBundle(bundle)
  const { result } = await predict('output')
  expect(result?.failedParts).toBe(1)
  const found = rows('output')
  const missing = expected.filter((row) => !found.includes(row))
  expect(found).toEqual(expected.filter((row) => !missing.includes(row)))
  expect(missing.length).toBeGreaterThan(0)
  expect(missing.length).toBeLessThan(expected.length / 2)
  const [line] = readFileSync(folder.join('output', 'failed_files.txt'), 'utf8').split('\n')
  expect(line).toContain(`|DNABERT-S|${missing.length} of ${expected.length - 3} frames; `)
  const named = /frames; (\S+): dnabert_s failed/.exec(line ?? '')?.[1]
  expect(missing.map((row) => row.split('\t')[0])).toContain(named)
})

test('a sequence of which a model makes NaN fails alone and is not called', async () => {
  await using folder = temporaryFolder()
  const { bundle, predict, rows, expected } = await undisturbed(folder, {})

  // Tryptophan: some frames have it, others do not.
  spoilToken(bundle, new EsmAlphabet().encode(Buffer.from('W'))[1]!)
  const { error, result } = await predict('output')
  expect(error).toBeUndefined()
  expect(result?.failedParts).toBe(1)
  const proteins = (outputs(folder.join('whole')).get('reads_protein/output_1.fa') ?? '').toString()
  const withIt = proteins.split('>').flatMap((record) => {
    const [id = '', ...sequence] = record.split('\n')
    return sequence.join('').includes('W') ? [id] : []
  })
  expect(withIt.length).toBeGreaterThan(0)
  const sound = expected.filter((row) => !withIt.includes(row.split('\t')[0] ?? ''))
  expect(sound.length).toBeGreaterThan(3)
  expect(rows('output')).toEqual(sound)
  const [line] = readFileSync(folder.join('output', 'failed_files.txt'), 'utf8').split('\n')
  expect(line).toContain(`|ESM-2|${withIt.length} of ${expected.length - 3} frames; `)
  expect(line).toContain('the embedding has NaN or infinity')

  // Every frame of all others, too: that is not what a run without open frames is told.
  for (const letter of 'ACDEFGHIKLMNPQRSTVY')
    spoilToken(bundle, new EsmAlphabet().encode(Buffer.from(letter))[1]!)
  const none = await predict('none')
  expect(none.log).toContain('no frame could be computed')
  expect(none.log).not.toContain('no chunk has an open reading frame')
  expect(rows('none').filter((row) => row !== '' && !row.startsWith('#'))).toHaveLength(1)
})

/** Makes the embedding of one of ESM-2's tokens NaN; the table is what the weights begin with. */
function spoilToken(bundle: string, token: number): void {
  const { width } = JSON.parse(readFileSync(join(bundle, 'manifest.json'), 'utf8')).models.esm2
  const path = join(bundle, 'esm2', 'weights.bin')
  const weights = readFileSync(path)
  for (let i = 0; i < width; i++) weights.writeFloatLE(Number.NaN, 4 * (token * width + i))
  writeFileSync(path, weights)
  resealBundle(bundle)
}

test('lines about other runs into the same folder stay', async () => {
  await using folder = temporaryFolder()
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(1, 4))
  const failed = folder.join('output', 'failed_files.txt')
  const other = `${folder.join('output', 'more_protein', 'output_3.fa')}|ESM-2|no memory\n`
  await Bun.write(
    failed,
    `${folder.join('output', 'reads_protein', 'output_1.fa')}|ESM-2|no memory\n${other}`,
  )
  expect((await predictHere(input, folder.join('output'))).error).toBeUndefined()
  expect(readFileSync(failed, 'utf8')).toBe(other)
})
