// virnucpro checkpoints list, verify, migrate, clean: what each says and leaves on disk.
import { expect, setDefaultTimeout, test } from 'bun:test'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { RunLock } from '../../../src/checkpoint/index.ts'
import { migrateFolder } from '../../../src/legacy/index.ts'
import { processPlace } from '../../../src/system/processes.ts'
import { virnucpro } from '../../support/cli.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { byName, oldRuns, referenceRuns } from '../../support/reference.ts'
import { fastaOf, type OldRun, oldRun } from './support/old-run.ts'

// Child processes on a loaded machine.
setDefaultTimeout(120_000)

const ids = ['a_chunk_1F1', 'b_chunk_1R2', 'c_chunk_2F3']

async function called(...args: string[]) {
  const { code, stdout: out, stderr: err } = await virnucpro(args)
  return { code, out, err }
}
const checkpoints = (...args: string[]) => called('checkpoints', ...args)

/** All files below a folder with their content. */
function contentOf(folder: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    files[relative(folder, path)] = readFileSync(path, 'latin1')
  }
  return files
}

/** A copy of a run; where its files are read-only, those of the copy are not. */
function copyOf(folder: string): OldRun {
  const run = oldRun(folder)
  for (const entry of readdirSync(run.root, { recursive: true, withFileTypes: true }))
    chmodSync(join(entry.parentPath, entry.name), 0o755)
  rmSync(run.path('case.json'), { force: true })
  return run
}

/** A small run of the original, of one part. */
async function smallRun(): Promise<OldRun> {
  const run = oldRun()
  run.write('x_nucleotide/output_1.fa', fastaOf(ids, 'ACG'))
  run.write('x_protein/output_1.fa', fastaOf(ids))
  await run.checkpoint('x_nucleotide/output_1_DNABERT_S.pt', 'dnabert', ids, 3)
  await run.checkpoint('x_protein/output_1_ESM.pt', 'esm', [...ids].reverse(), 4)
  return run
}

const vanillaRuns = [
  ...oldRuns.map(({ name, vanilla }) => [`vanilla, one of ${name}`, 'vanilla', 3, vanilla] as const),
  ...referenceRuns.map(({ name, output }) => [`vanilla, of ${name}`, 'vanilla', 21, output] as const),
]
const wholeRuns = [
  ...vanillaRuns,
  ...oldRuns.map(({ name, broad }) => [`broad, one of ${name}`, 'broad', 3, broad] as const),
]

test.each(wholeRuns)('%s: every file is listed and whole', async (_, layout, count, folder) => {
  const [table, json, verified] = await Promise.all([
    checkpoints('list', folder),
    checkpoints('list', folder, '--json'),
    checkpoints('verify', folder),
  ])
  expect(table).toMatchObject({ code: 0, err: '' })
  expect(table.out.match(/ whole /g)).toHaveLength(count)
  expect(table.out).toMatch(/^KIND +LAYOUT +PART +IDS +DIM +VERSION +STATUS +DONE +STATE +FILE\n/)
  const rows = JSON.parse(json.out)
  expect(rows).toHaveLength(count)
  for (const row of rows)
    expect(row).toMatchObject({ layout, version: '0.x', status: null, problem: null, done: false })
  expect(verified).toEqual({ code: 0, out: '', err: `${folder}: all ${count} checkpoint files are whole\n` })
})

test.each(vanillaRuns)(
  '%s: to Broad and back, every byte is as before',
  async (_, _layout, _count, folder) => {
    using run = copyOf(folder)
    const before = contentOf(run.root)
    const there = `${run.root}-broad`
    const to = await checkpoints('migrate', run.root, '--to', 'broad', '-o', there)
    try {
      expect(to).toMatchObject({ code: 0, out: '' })
      expect(contentOf(run.root)).toEqual(before)
      const listed = JSON.parse((await checkpoints('list', there, '--json')).out)
      for (const row of listed)
        expect(row).toMatchObject({
          layout: 'broad',
          version: '1.0',
          status: 'complete',
          done: true,
          problem: null,
        })
      expect((await checkpoints('verify', there)).code).toBe(0)
      // In place this time.
      expect((await checkpoints('migrate', there, '--to', 'vanilla')).code).toBe(0)
      expect(contentOf(there)).toEqual(before)
    } finally {
      rmSync(there, { recursive: true, force: true })
    }
  },
)

test.each(byName(oldRuns))(
  "from Broad's layout to the original's: order, lines and numbers are those of the original: %s",
  async (_, { broad, vanilla, stem, broadAsVanilla }) => {
    using run = copyOf(broad)
    expect((await checkpoints('migrate', run.root, '--to', 'vanilla')).code).toBe(0)
    const files = contentOf(run.root)
    const original = contentOf(vanilla)
    expect(Object.keys(files).sort()).toEqual(Object.keys(original).sort())
    // ESM-2 vectors of both programs are equal, so the whole file is: order by length, keys, layout.
    for (const name of Object.keys(original).filter((name) => /\.faa?$|ESM\.pt$/.test(name)))
      expect([name, files[name]]).toEqual([name, original[name]])
    expect(files[`${stem}_merged/prediction_results.txt`]).toContain(broadAsVanilla)
    expect(files[`${stem}_merged/prediction_results_highestscore.csv`]).toBe(
      original[`${stem}_merged/prediction_results_highestscore.csv`] as string,
    )
  },
)

test.each(byName(oldRuns))(
  "Broad's own state is kept for its --resume, and files of 0.x become 1.0: %s",
  async (_, { broad }) => {
    using run = copyOf(broad)
    const state = () => JSON.parse(readFileSync(run.path('.checkpoints/pipeline_state.json'), 'utf8'))
    const before = state()
    expect((await checkpoints('migrate', run.root, '--to', 'current')).code).toBe(0)
    const after = state()
    expect(after.pipeline_config).toEqual(before.pipeline_config)
    expect(Object.keys(after)).toEqual(Object.keys(before))
    for (const [name, stage] of Object.entries<{ outputs: object }>(before.stages)) {
      expect(after.stages[name]).toMatchObject({ status: 'completed', inputs: {}, error: null })
      expect(Object.keys(after.stages[name].outputs)).toEqual(Object.keys(stage.outputs))
      for (const value of Object.values<string | string[]>(after.stages[name].outputs))
        for (const path of [value].flat()) expect(existsSync(path)).toBe(true)
    }
    const rows = JSON.parse((await checkpoints('list', run.root, '--json')).out)
    for (const row of rows) expect(row).toMatchObject({ version: '1.0', done: true })
  },
)

const makeBatches = `
import os, sys, numpy as np, torch
for root in sys.argv[1:]:
    for shard, ids in [(0, ["c_chunk_2F3", "a_chunk_1F1"]), (1, ["b_chunk_1R2"])]:
        folder = f"{root}/.checkpoints/shard_{shard}"
        os.makedirs(folder)
        rows = np.array([[ord(i[0]) - 96, shard] for i in ids], dtype=np.float32)
        torch.save({"embeddings": rows, "sequence_ids": ids, "metadata": {}}, f"{folder}/batch_00000.pt", pickle_protocol=4)
`
const readBack = `
import json, sys, torch
out = []
for path in sys.argv[1:]:
    value = torch.load(path, weights_only=True)
    data = value["data"]
    out.append([list(value), value.get("proteins") or value.get("ids") or value.get("nucleotide"),
      data.tolist() if torch.is_tensor(data) else [r.tolist() if torch.is_tensor(r) else r["mean_representation"] for r in data]])
print(json.dumps(out))
`

test.skipIf(!hasPython)(
  "Broad's batches become protein parts that torch loads with weights_only",
  async () => {
    using run = oldRun()
    using partial = oldRun()
    for (const { write } of [run, partial]) {
      write('x_protein/output_1.fa', fastaOf(ids.slice(0, 2)))
      write('x_protein/output_2.fa', fastaOf(ids.slice(2)))
      write('x_nucleotide/output_1.fa', fastaOf(ids.slice(0, 2), 'ACG'))
      write('x_nucleotide/output_2.fa', fastaOf(ids.slice(2), 'ACG'))
    }
    partial.write('x_protein/output_3.fa', fastaOf(['d_chunk_1F1']))
    await run.checkpoint('x_nucleotide/output_1_DNABERT.pt', 'dnabert', ids.slice(0, 2), 3)
    await runPython(makeBatches, run.root, partial.root)
    const layouts = ['broad', 'vanilla'] as const
    const written = layouts.map((to) => `${run.root}-${to}`)
    for (const [i, to] of layouts.entries())
      await migrateFolder({ folder: run.root, to, output: written[i], skipDamaged: false })
    const names = [
      'x_protein/output_1_ESM.pt',
      'x_protein/output_2_ESM.pt',
      'x_nucleotide/output_1_DNABERT_S.pt',
    ]
    const paths = written.flatMap((folder) => names.map((name) => join(folder, name)))
    const read: [string[], string[], number[][]][] = JSON.parse(await runPython(readBack, ...paths))
    const stamp = ['version', 'status']
    const [first = '', second = '', third = ''] = ids
    expect(read.map(([keys, names]) => [keys, names])).toEqual([
      [
        ['proteins', 'data', ...stamp],
        [first, second],
      ],
      [['proteins', 'data', ...stamp], [third]],
      [
        ['nucleotide', 'data', ...stamp],
        [first, second],
      ],
      // The second protein is the shorter one: the original puts it first.
      [
        ['proteins', 'data'],
        [second, first],
      ],
      [['proteins', 'data'], [third]],
      [
        ['nucleotide', 'data'],
        [first, second],
      ],
    ])
    const [a, b, c] = [
      [1, 0],
      [2, 1],
      [3, 0],
    ] as [number[], number[], number[]]
    const proteins = read.filter(([keys]) => keys[0] === 'proteins').map(([, , rows]) => rows)
    expect(proteins).toEqual([[a, b], [c], [b, a], [c]])
    for (const folder of written) {
      expect(existsSync(join(folder, '.checkpoints/shard_0'))).toBe(false)
      rmSync(folder, { recursive: true })
    }
    // Where a part is not whole, the batches hold the only copy of some of its vectors: they stay.
    const warnings: string[] = []
    await migrateFolder({
      folder: partial.root,
      to: 'vanilla',
      output: undefined,
      skipDamaged: false,
      onWarning: (text) => void warnings.push(text),
    })
    expect(warnings).toEqual([expect.stringContaining('of 1 part are not all in')])
    expect(existsSync(partial.path('.checkpoints/shard_1/batch_00000.pt'))).toBe(true)
    expect(existsSync(partial.path('x_protein/output_2_ESM.pt'))).toBe(true)
    expect(existsSync(partial.path('x_protein/output_3_ESM.pt'))).toBe(false)
  },
)

test('each fault is one line, and the exit code tells that there is one', async () => {
  using run = await smallRun()
  run.write('x_protein/output_2_ESM.pt', '')
  run.write('x_protein/output_2_ESM.pt.done', '')
  run.write('x_protein/output_3_ESM.pt.done', '')
  await run.checkpoint('x_protein/output_4_ESM.pt', 'esm', ['q'], 9)
  await run.checkpoint('x_nucleotide/output_5_ESM.pt', 'esm', ['q'], 4)
  await run.checkpoint('x_merged/output_1_merged.pt', 'merged', ids, 7, { seed: 5 })
  const { code, out, err } = await checkpoints('verify', run.root)
  expect(code).toBe(1)
  expect(err).toContain('5 of 7 checkpoint files cannot be used')
  expect(out.trimEnd().split('\n')).toEqual([
    expect.stringMatching(
      /output_1_merged\.pt: is not made of the vectors of its part \(first at a_chunk_1F1\)/,
    ),
    expect.stringMatching(/output_5_ESM\.pt: holds protein vectors among the nucleotide parts/),
    expect.stringMatching(/output_2_ESM\.pt: is empty \(0 bytes\).* although a \.done beside it/),
    expect.stringMatching(/output_4_ESM\.pt: has vectors of 9 values, .* vectors of 4/),
    expect.stringMatching(/output_3_ESM\.pt: is missing, although a \.done/),
  ])
  // Broad's name for the same.
  expect(await called('utils', 'validate-checkpoints', run.root)).toEqual({ code, out, err })
})

test('ids that are not those of the part FASTA are a fault', async () => {
  using run = await smallRun()
  run.write('x_protein/output_1.fa', fastaOf([...ids.slice(0, 2), 'other']))
  const { code, out } = await checkpoints('verify', run.root)
  expect(out).toContain('output_1_ESM.pt: has the id c_chunk_2F3, which is not in ')
  expect(code).toBe(1)
})

test('no checkpoints, no folder, a file: each has its own answer', async () => {
  using run = oldRun()
  const none = await checkpoints('verify', run.root)
  expect(none).toEqual({ code: 3, out: '', err: `error: ${run.root}: no checkpoints found\n` })
  expect(await checkpoints('list', run.root, '--json')).toMatchObject({ code: 0, out: '[]\n' })
  const file = run.write('file', '')
  for (const [args, words, expected] of [
    [['verify'], 'no folder given', 64],
    [['verify', run.path('gone')], 'no such folder', 66],
    [['list', file], 'expected a folder, got a file', 66],
    [['clean', run.root, run.root], 'unexpected argument', 64],
    [['migrate', run.root], '--to is missing', 64],
    [['migrate', run.root, '--to', 'old'], 'expected one of vanilla, broad, current, got "old"', 64],
    [['migrate', run.root, '--to', 'broad'], 'no run here', 66],
    [['mend', run.root], 'unknown command checkpoints mend', 64],
  ] as const) {
    const { code, err } = await checkpoints(...args)
    expect(err).toContain(words)
    expect(code).toBe(expected)
  }
})

test('damage stops a migration before anything is written, or is left out on request', async () => {
  using run = await smallRun()
  const path = await run.checkpoint('x_protein/output_2_ESM.pt', 'esm', ids, 4)
  run.write('x_protein/output_2.fa', fastaOf(ids))
  writeFileSync(path, readFileSync(path).subarray(0, -10))
  const before = contentOf(run.root)
  const refused = await checkpoints('migrate', run.root, '--to', 'broad')
  expect(refused.err).toContain('output_2_ESM.pt is damaged')
  expect(refused.err).toContain('--skip-damaged')
  expect(refused.code).toBe(65)
  expect(contentOf(run.root)).toEqual(before)
  const done = await checkpoints('migrate', run.root, '--to', 'broad', '--skip-damaged')
  expect(done.err).toContain('left out: ')
  expect(done.code).toBe(0)
  // The damaged file stays as it is; nothing says that it is done.
  expect(readFileSync(path, 'latin1')).toBe(before['x_protein/output_2_ESM.pt'] as string)
  expect(existsSync(`${path}.done`)).toBe(false)
  expect(existsSync(run.path('x_protein/output_1_ESM.pt.done'))).toBe(true)
})

test('a migration that was killed is done again from whatever it left', async () => {
  using run = await smallRun()
  run.write('x_protein/output_2.fa', fastaOf(ids))
  // Under the name that Broad's fork gives it on several GPUs.
  await run.checkpoint('x_protein/output_2_DNABERT.pt', 'esm', ids, 4)
  run.write('x_identified_nucleotide.fa', fastaOf(ids, 'ACG'))
  using whole = oldRun(run.root)
  await migrateFolder({ folder: whole.root, to: 'broad', output: undefined, skipDamaged: false })
  const wanted = contentOf(whole.root)
  const names = Object.keys(wanted)
  // Killed while files were put in place: any of them may be there already, beside a staging folder.
  for (let placed = 0; placed <= names.length; placed++) {
    using half = oldRun(run.root)
    const staging = `.virnucpro-${'5'.repeat(32)}.tmp`
    const maker = { output: 'migration', pid: 2 ** 30, started: '1', place: processPlace() }
    half.write(`${staging}/.virnucpro-unfinished.json`, JSON.stringify(maker))
    half.write(`${staging}/x_protein/output_1_ESM.pt`, 'half')
    for (const name of names.slice(0, placed)) {
      half.write(name, '')
      copyFileSync(whole.path(name), half.path(name))
    }
    await migrateFolder({ folder: half.root, to: 'broad', output: undefined, skipDamaged: false })
    const got = contentOf(half.root)
    // Only times and the folder's own name differ in the state.
    delete got['.checkpoints/pipeline_state.json']
    expect(got).toEqual(
      Object.fromEntries(Object.entries(wanted).filter(([name]) => !name.startsWith('.checkpoints'))),
    )
  }
})

test('two files for the same part that differ are nobody to choose from', async () => {
  using run = await smallRun()
  await run.checkpoint('x_protein/output_1_DNABERT.pt', 'esm', ids, 4, { seed: 9 })
  const { code, err } = await checkpoints('migrate', run.root, '--to', 'broad')
  expect(err).toContain('are both for ')
  expect(code).toBe(65)
})

test('an output folder that is not empty, or a run that goes on, is left alone', async () => {
  using run = await smallRun()
  using other = oldRun()
  other.write('mine.txt', 'mine')
  expect(await checkpoints('migrate', run.root, '--to', 'broad', '-o', other.root)).toMatchObject({
    code: 73,
  })
  expect(contentOf(other.root)).toEqual({ 'mine.txt': 'mine' })
  const state = { format: 1, status: 'unfinished', settings: { layout: 'vanilla' } }
  run.write('.virnucpro/x/run.json', JSON.stringify(state))
  const unfinished = await checkpoints('migrate', run.root, '--to', 'broad')
  expect(unfinished.err).toContain('the run of x is unfinished')
  expect(unfinished.code).toBe(64)
  await using _lock = await RunLock.acquire(run.path('.virnucpro/x.lock'))
  for (const args of [
    ['migrate', run.root, '--to', 'broad'],
    ['clean', run.root],
  ]) {
    const locked = await checkpoints(...args)
    expect(locked.err).toContain('another run is writing')
    expect(locked.code).toBe(75)
  }
})

test('the state of a finished run goes along to the new layout', async () => {
  using run = await smallRun()
  const state = { format: 1, status: 'finished', settings: { layout: 'vanilla', expectedLength: 500 } }
  run.write('.virnucpro/x/run.json', JSON.stringify(state))
  expect((await checkpoints('migrate', run.root, '--to', 'broad')).code).toBe(0)
  expect(JSON.parse(readFileSync(run.path('.virnucpro/x/run.json'), 'utf8'))).toEqual({
    checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    ...state,
    settings: { layout: 'broad', expectedLength: 500 },
  })
})

async function litteredRun(): Promise<OldRun> {
  const run = await smallRun()
  const { encodeTorchZip } = await import('../../../src/torchfile/index.ts')
  const torn = (await encodeTorchZip(new Map([['data', 'x']]), { archiveName: 'output_1' })).slice(0, 200)
  run.write('x_protein/output_1_ESM.tmp', torn)
  run.write('x_merged/.output_1_merged.pt.tmp', torn)
  run.write('x_protein/output_2_ESM.pt', '')
  run.write('x_protein/output_2_ESM.pt.done', '')
  run.write('x_protein/output_3_ESM.pt.done', '')
  run.write('x_merged/prediction_results.txt', 'table')
  run.write('x_merged/prediction_results_highestscore.csv', 'table')
  run.write('mine.tmp', 'mine')
  run.write('weights.pt', 'mine too')
  run.write('.virnucpro/x/run.json', JSON.stringify({ status: 'finished', settings: {} }))
  run.write('.virnucpro/y/run.json', JSON.stringify({ status: 'unfinished', settings: {} }))
  return run
}

test('clean removes what nobody can use, and says what', async () => {
  using run = await litteredRun()
  rmSync(run.path('weights.pt'))
  const before = contentOf(run.root)
  const dry = await checkpoints('clean', run.root, '--dry-run')
  expect(contentOf(run.root)).toEqual(before)
  expect(dry.err).toBe('6 to be removed; nothing was\n')
  const done = await checkpoints('clean', run.root)
  expect(done).toEqual({ code: 0, out: dry.out, err: 'removed 6\n' })
  expect(dry.out.trimEnd().split('\n')).toHaveLength(6)
  const gone = Object.keys(before).filter((name) => !existsSync(run.path(name)))
  expect(gone.sort()).toEqual([
    '.virnucpro/x/run.json',
    'x_merged/.output_1_merged.pt.tmp',
    'x_protein/output_1_ESM.tmp',
    'x_protein/output_2_ESM.pt',
    'x_protein/output_2_ESM.pt.done',
    'x_protein/output_3_ESM.pt.done',
  ])
  expect((await checkpoints('verify', run.root)).code).toBe(0)
})

test('clean takes intermediates and unfinished states on request only, and never a table', async () => {
  using run = await litteredRun()
  rmSync(run.path('weights.pt'))
  expect((await checkpoints('clean', run.root, '--intermediates', '--unfinished', '-q')).code).toBe(0)
  expect(Object.keys(contentOf(run.root)).sort()).toEqual([
    'mine.tmp',
    'x_merged/prediction_results.txt',
    'x_merged/prediction_results_highestscore.csv',
    'x_nucleotide/output_1.fa',
    'x_protein/output_1.fa',
  ])
  expect(existsSync(run.path('.virnucpro'))).toBe(false)
})

test('migrate in place stops before it would overwrite or remove a file of the user', async () => {
  const cases: [string, string, string?][] = [
    ['x_nucleotide/output_7.fa', '>mine\nACGT\n'],
    ['x_identified_nucleotide.fa', '>mine\nACGT\n'],
    ['x_chunked500.fa', 'mine'],
    ['.checkpoints/pipeline_state.json', '{"mine": 1}'],
    ['x_protein/output_1_ESM.pt.done', 'mine'],
  ]
  for (const [name, text] of cases) {
    using run = await smallRun()
    run.write(name, text)
    run.write('x.partial/mine.txt', 'mine')
    run.write('.virnucpro-migration/mine.txt', 'mine')
    const before = contentOf(run.root)
    const { code, err } = await checkpoints('migrate', run.root, '--to', 'broad')
    expect({ name, refused: code !== 0, err }).toMatchObject({ name, refused: true })
    // On a line of its own.
    expect(err).toContain(`\n  ${run.path(name)}`)
    expect(contentOf(run.root)).toEqual(before)
  }
})

test('a migrated run is still known to --force', async () => {
  using run = oldRun()
  run.write('x.fa', `>r\n${'ACGC'.repeat(60)}\n`)
  const words = ['predict', run.path('x.fa'), '-o', run.root, '--bundle', 'demo', '--backend', 'onnx', '-q']
  expect((await called(...words, '-k')).code).toBe(0)
  expect((await checkpoints('migrate', run.root, '--to', 'broad')).code).toBe(0)
  run.write('x_nucleotide/mine.txt', 'mine')
  expect((await called(...words, '--layout', 'broad', '--force')).code).toBe(0)
  expect(Object.keys(contentOf(run.root)).filter((name) => /\.pt|^x_[^/]*\.fa/.test(name))).toEqual([])
  expect(existsSync(run.path('x_nucleotide/mine.txt'))).toBe(true)
})

test('clean leaves files of the user alone, whatever they are called', async () => {
  using run = await smallRun()
  const mine = ['output_3_ESM.pt', 'x_protein/output_3_ESM.pt', 'x_merged/output_9_merged.pt', 'a.pt']
  mine.push(
    'x_protein/output_4_ESM.tmp',
    'x_protein/.output_4_ESM.pt.tmp',
    'pipeline_state.tmp',
    '.notes.txt.tmp',
  )
  mine.push('manifest.json.tmp', 'x_protein/output_8_ESM.pt.done', 'thesis.pt.done', 'batch_00001.pt')
  mine.push('.virnucpro/x/run.json', '.virnucpro/x/notes.txt', '.virnucpro/x/work/part_000001.scores')
  mine.push(
    '.virnucpro/notes/plan.txt',
    '.virnucpro-migration/plan.txt',
    'x_protein/output_5_ESM.pt/inner.txt',
  )
  for (const name of mine) run.write(name, `mine: ${name}`)
  run.write('elsewhere/output_1_ESM.pt.done', '')
  run.write('elsewhere/output_2_ESM.pt', '')
  const before = contentOf(run.root)
  expect((await checkpoints('clean', run.root, '--intermediates', '--unfinished')).code).toBe(0)
  expect(contentOf(run.root)).toEqual(before)
})

test('clean keeps the record of results, so that --force still knows them', async () => {
  using run = oldRun()
  run.write('reads.fa', `>r\n${'ACGC'.repeat(60)}\n`)
  const words = [
    'predict',
    run.path('reads.fa'),
    '-o',
    run.root,
    '--bundle',
    'demo',
    '--backend',
    'onnx',
    '-q',
  ]
  expect((await called(...words)).code).toBe(0)
  run.write('.virnucpro/reads/notes.txt', 'mine')
  expect((await checkpoints('clean', run.root)).err).toBe('removed 1\n')
  expect(existsSync(run.path('.virnucpro/reads/run.json'))).toBe(false)
  expect((await checkpoints('clean', run.root)).err).toBe('removed 0\n')
  expect((await checkpoints('list', run.root)).err).not.toContain('cannot be read')
  rmSync(run.path('.virnucpro/reads/notes.txt'))
  expect((await called(...words)).code).toBe(64)
  expect((await called(...words, '--force')).code).toBe(0)
})

test('checkpoints of a newer program and files of other kinds are not cleaned away', async () => {
  using run = oldRun()
  const { encodeTorchZip } = await import('../../../src/torchfile/index.ts')
  const newer = new Map<string, string | string[]>([
    ['proteins', []],
    ['data', []],
    ['version', '2.0'],
  ])
  run.write('output_1_ESM.pt', await encodeTorchZip(newer, { archiveName: 'output_1_ESM' }))
  run.write('weights.pt', await encodeTorchZip(new Map([['model', 'weights']]), { archiveName: 'weights' }))
  expect(await checkpoints('clean', run.root)).toMatchObject({ code: 0, out: '', err: 'removed 0\n' })
  const { out } = await checkpoints('list', run.root)
  expect(out.match(/refused/g)).toHaveLength(2)
})

test('list names the runs of this program, finished or not', async () => {
  const run = await smallRun()
  const reads = run.path('reads.fa')
  writeFileSync(reads, `>r\n${'ACGC'.repeat(60)}\n`)
  const output = run.path('out')
  const finished = await called('predict', reads, '-o', output, '--bundle', 'demo', '--backend', 'onnx', '-q')
  expect(finished).toEqual({ code: 0, out: '', err: '' })
  const listed = await checkpoints('list', output)
  expect(listed.err).toContain(`reads: a finished run of ${reads}; the same command computes nothing again`)
  const state = join(output, '.virnucpro/reads/run.json')
  // As version 0.1.0 wrote it: with a checksum nobody but the program itself can change it.
  const { checksum: _, derived: __, reuse: ___, ...manifest } = JSON.parse(readFileSync(state, 'utf8'))
  writeFileSync(state, JSON.stringify({ ...manifest, status: 'unfinished' }))
  expect((await checkpoints('list', output)).err).toContain('the same command continues it')
  expect(listed.code).toBe(0)
})
