// What the original and Broad's fork left behind: taken over where it is whole and known by its ids, never otherwise.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  findLegacyRun,
  type LegacyFile,
  type LegacyVector,
  readLegacyFile,
  readLegacyVectors,
} from '../../../src/legacy/index.ts'
import { encodeTorchZip, TensorData, type Writable } from '../../../src/torchfile/index.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { oldRuns } from '../../support/reference.ts'
import { fastaOf, oldRun } from './support/old-run.ts'
import { tableOf } from './support/tables.ts'

// Starting torch takes seconds, on a loaded machine many.
setDefaultTimeout(120_000)

const ids = ['a_chunk_1F1', 'b_chunk_1R2', 'c_chunk_2F3']

async function adopt(root: string, options: Parameters<typeof readLegacyVectors>[3] = {}) {
  const vectors: LegacyVector[] = []
  const files: LegacyFile[] = []
  const onFile = (file: LegacyFile) => void files.push(file)
  for await (const some of readLegacyVectors(root, 'x', 'broad', { ...options, onFile }))
    vectors.push(...some)
  return { vectors, files, problems: files.map(({ problem }) => problem) }
}

const wholeRuns = oldRuns.flatMap((runs) =>
  (['vanilla', 'broad'] as const).map((layout) => [layout, runs.name, runs] as const),
)

test.each(wholeRuns)(
  'vectors of a %s run, one of %s, come with their sequences',
  async (layout, _, { [layout]: root, stem, shortest: known }) => {
    const vectors: LegacyVector[] = []
    for await (const some of readLegacyVectors(root, stem, layout)) vectors.push(...some)
    expect(vectors.map(({ model, vector }) => `${model} ${vector.length}`)).toEqual([
      ...Array.from({ length: 4 }, () => 'dnabert_s 768'),
      ...Array.from({ length: 4 }, () => 'esm2 2560'),
    ])
    const shortest = vectors.find(({ model, id }) => model === 'esm2' && id === known.id)
    // The known start of this sequence's vector; in the original's file it is the first, in Broad's the last.
    expect([...(shortest?.vector.subarray(0, 5) ?? [])]).toEqual(known.start.map(Math.fround))
    expect(Buffer.from(shortest?.sequence ?? []).toString()).toBe(known.sequence)
  },
)

test('the content tells the kind, whatever the name', async () => {
  using run = oldRun()
  // Broad's fork on several GPUs: both kinds are called _DNABERT.
  await run.checkpoint('x_nucleotide/output_1_DNABERT.pt', 'dnabert', ids, 3)
  await run.checkpoint('x_protein/output_1_DNABERT.pt', 'esm', [...ids].reverse(), 4, { stamp: true })
  await run.checkpoint('x_merged/output_1_DNABERT_merged.pt', 'merged', ids, 7)
  run.write('x_nucleotide/output_1.fa', fastaOf(ids, 'ACG'))
  run.write('x_protein/output_1.fa', fastaOf(ids))
  const { vectors, files } = await adopt(run.root)
  expect(files.map(({ kind, version, problem }) => [kind, version, problem])).toEqual([
    ['dnabert', '0.x', undefined],
    ['esm', '1.0', undefined],
  ])
  const esm = new Map(
    vectors.filter(({ model }) => model === 'esm2').map(({ id, vector }) => [id, [...vector]]),
  )
  const table = tableOf([...ids].reverse(), 4)
  for (const [row, id] of table.ids.entries())
    expect(esm.get(id)).toEqual([...table.rows.subarray(row * 4, row * 4 + 4)])
  expect(Buffer.from(vectors.at(-1)?.sequence ?? []).toString()).toBe('MKVMKVMKV')
  // A merged file is never a source: it may be of an earlier input.
  expect((await findLegacyRun(run.root, 'x', 'broad'))?.files.some((file) => file.includes('merged'))).toBe(
    false,
  )
  expect(await findLegacyRun(run.root, 'y', 'broad')).toBeUndefined()
})

const refusals: [string, (run: ReturnType<typeof oldRun>) => Promise<unknown>, string][] = [
  [
    'an empty file with a .done',
    async (run) => {
      run.write('x_protein/output_1_ESM.pt', '')
      run.write('x_protein/output_1_ESM.pt.done', '')
    },
    'is empty (0 bytes)',
  ],
  [
    'a file cut off',
    async (run) => {
      const path = await run.checkpoint('x_protein/output_1_ESM.pt', 'esm', ids, 4)
      writeFileSync(path, readFileSync(path).subarray(0, -1))
    },
    'is damaged',
  ],
  [
    'an id too few',
    (run) => run.checkpoint('x_protein/output_1_ESM.pt', 'esm', ids.slice(1), 4),
    'a_chunk_1F1 is missing',
  ],
  [
    'a foreign id',
    (run) => run.checkpoint('x_protein/output_1_ESM.pt', 'esm', [...ids, 'z'], 4),
    'the id z, which is not in',
  ],
  [
    'an id twice',
    (run) => run.checkpoint('x_protein/output_1_ESM.pt', 'esm', [...ids, ids[0] as string], 4),
    'the id a_chunk_1F1 twice',
  ],
  [
    'vectors of another model',
    (run) => run.checkpoint('x_protein/output_1_ESM.pt', 'esm', ids, 5),
    'vectors of 5 values, the model at hand makes 4',
  ],
  [
    'a FASTA that was written later',
    async (run) => {
      const path = await run.checkpoint('x_protein/output_1_ESM.pt', 'esm', ids, 4)
      utimesSync(path, new Date(), new Date(Date.now() - 60_000))
    },
    'it may be of an earlier input',
  ],
  [
    "a resume of Broad's ESM path",
    async (run) => {
      await run.checkpoint('x_protein/output_1_ESM.pt', 'esm', ids, 4)
      run.write('esm_v2/logs/worker_0.log', 'Worker 0 - INFO - Resuming from 2 checkpoints\n')
    },
    'under the wrong ids',
  ],
]

test.each(refusals)('%s is not used, and the reason is given', async (_, make, reason) => {
  using run = oldRun()
  run.write('x_protein/output_1.fa', fastaOf(ids))
  await make(run)
  const { vectors, problems } = await adopt(run.root, { widths: { esm2: 4, dnabert_s: 3 } })
  expect(vectors).toEqual([])
  expect(problems).toEqual([expect.stringContaining(reason)])
})

test('a vector that is no number is left out, the others are used', async () => {
  using run = oldRun()
  run.write('x_protein/output_1.fa', fastaOf(ids))
  const rows = Float32Array.of(1, 2, Number.NaN, 4, 5, Number.POSITIVE_INFINITY)
  const data = [0, 1, 2].map((i) => new TensorData(rows.subarray(i * 2, i * 2 + 2), [2]))
  const entries: [Writable, Writable][] = [
    ['proteins', ids],
    ['data', data],
  ]
  run.write(
    'x_protein/output_1_ESM.pt',
    await encodeTorchZip(new Map(entries), { archiveName: 'output_1_ESM' }),
  )
  const { vectors, files } = await adopt(run.root)
  expect(vectors.map(({ id }) => id)).toEqual([ids[0] as string])
  expect(files[0]?.warnings).toEqual([expect.stringContaining('2 of its vectors contain NaN or infinity')])
})

async function versioned(run: ReturnType<typeof oldRun>, extra: [Writable, Writable][]) {
  const { rows } = tableOf(ids, 4)
  const data = ids.map((_, i) => new TensorData(rows.subarray(i * 4, i * 4 + 4), [4]))
  const entries: [Writable, Writable][] = [['proteins', ids], ['data', data], ...extra]
  const bytes = await encodeTorchZip(new Map(entries), { archiveName: 'output_1_ESM' })
  return (await readLegacyFile(run.write('output_1_ESM.pt', bytes), 'broad')).file
}

test('versions up to 1.x are read, later ones refused in words', async () => {
  using run = oldRun()
  expect(await versioned(run, [])).toMatchObject({ version: '0.x', problem: undefined, ids })
  for (const version of ['0.9', '1.0', '1.7.2'])
    expect(await versioned(run, [['version', version]])).toMatchObject({ version, problem: undefined, ids })
  for (const version of ['2.0', '2.0.0', '99.1', '99']) {
    const { problem, damaged } = await versioned(run, [['version', version]])
    expect(problem).toContain(`has the version ${version}, which is newer than the 1.x`)
    expect(problem).toContain(`it needs virnucpro ${version.split('.')[0]}.0.0 or later`)
    // A newer program can read it: it must not be called damaged, or `clean` would remove it.
    expect(damaged).toBe(false)
  }
  expect((await versioned(run, [['version', 'latest']])).problem).toContain('expected one like 1.0')
  expect((await versioned(run, [['version', 3]])).problem).toContain('has the version 3')
})

test('a crash between the two writes of Broad leaves a whole file that is used', async () => {
  using run = oldRun()
  const file = await versioned(run, [
    ['version', '1.0'],
    ['status', 'in_progress'],
  ])
  expect(file).toMatchObject({ status: 'in_progress', problem: undefined })
  expect(file.warnings).toContain('its status is in_progress, its content is whole')
  expect((await versioned(run, [['status', 'failed']])).problem).toContain('has the status failed')
})

const makeFiles = `
import io, os, sys, numpy as np, torch
root = sys.argv[1]
for shard, number, ids in [(0, 0, ["a_chunk_1F1", "c_chunk_2F3"]), (1, 0, ["b_chunk_1R2"]), (0, 10, ["a_chunk_1F1"])]:
    folder = f"{root}/.checkpoints/shard_{shard}"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/batch_{number:05d}.pt"
    base = {"a": 1, "b": 2, "c": 3}
    rows = np.array([[base[i[0]], number, 0.5, shard] for i in ids], dtype=np.float32)
    torch.save({"embeddings": rows, "sequence_ids": ids, "metadata": {"batch_idx": number,
        "num_sequences": len(ids), "timestamp": "2026-02-01T00:00:00", "trigger_reason": "final",
        "model_dtype": "torch.float16", "packing_stats": {}}}, path, pickle_protocol=4)
    open(path + ".done", "w").close()
os.makedirs(f"{root}/old"); os.makedirs(f"{root}/ways")
torch.save({"ids": ["a", "b"], "data": torch.arange(6, dtype=torch.float32).reshape(2, 3)},
           f"{root}/old/output_1_merged.pt", _use_new_zipfile_serialization=False)
value = {"proteins": ["a", "b"], "data": [torch.ones(3), torch.zeros(3)]}
root += "/ways"
torch.save(value, f"{root}/output_1_ESM.pt")
with open(f"{root}/output_2_ESM.pt", "wb") as handle: torch.save(value, handle)
buffer = io.BytesIO(); torch.save(value, buffer); open(f"{root}/output_3_ESM.pt", "wb").write(buffer.getvalue())
torch.save(value, f"{root}/output_4_ESM.pt", pickle_protocol=4)
rows = torch.arange(6.0).reshape(2, 3)
torch.save({"proteins": ["a", "b"], "data": [rows[0], rows[1]]}, f"{root}/output_5_ESM.pt")
torch.save({"proteins": ["é", "b" * 300], "data": [torch.ones(3), torch.zeros(3)]}, f"{root}/output_6_ESM.pt")
torch.save({"proteins": [], "data": []}, f"{root}/output_7_ESM.pt")
torch.save({"ids": [], "data": torch.empty((0, 3328))}, f"{root}/output_8_merged.pt")
n = 2500
torch.save({"proteins": [f"s{i}" for i in range(n)], "data": [torch.full((2,), float(i)) for i in range(n)]},
           f"{root}/output_9_ESM.pt")
`

let torchFiles = ''
beforeAll(async () => {
  if (!hasPython) return
  torchFiles = mkdtempSync(join(tmpdir(), 'virnucpro-torch-'))
  await runPython(makeFiles, torchFiles)
})
afterAll(() => rmSync(torchFiles, { recursive: true, force: true }))

test.skipIf(!hasPython)(
  "Broad's batches are read by id, each sequence once, even where protein files are not trusted",
  async () => {
    using run = oldRun()
    run.write('x_protein/output_1.fa', fastaOf(ids.slice(0, 2)))
    run.write('x_protein/output_2.fa', fastaOf(ids.slice(2)))
    await run.checkpoint('x_protein/output_1_DNABERT.pt', 'esm', ids.slice(0, 2), 4)
    run.write('esm_v2/logs/worker_1.log', 'Resuming from batch 3\n')
    cpSync(join(torchFiles, '.checkpoints'), run.path('.checkpoints'), { recursive: true })
    const { vectors, files } = await adopt(run.root)
    expect(vectors.map(({ id, vector }) => [id, ...vector])).toEqual([
      ['a_chunk_1F1', 1, 0, 0.5, 0],
      ['c_chunk_2F3', 3, 0, 0.5, 0],
      ['b_chunk_1R2', 2, 0, 0.5, 1],
    ])
    expect(vectors.every(({ sequence }) => sequence !== undefined)).toBe(true)
    expect(files[0]?.problem).toContain('under the wrong ids')
    // The last batch holds a sequence again, with another vector.
    expect(files.at(-2)?.warnings).toEqual([
      '1 of its vectors differ from those of an earlier file; left out',
    ])
    expect(files.map(({ kind, part }) => [kind, part])).toEqual([
      ['esm', 1],
      ['batch', 0],
      ['batch', 10],
      ['batch', 0],
    ])
  },
)

test.skipIf(!hasPython)(
  'files of torch before 1.6 are read, with a word on their missing checksums',
  async () => {
    const path = join(torchFiles, 'old', 'output_1_merged.pt')
    const { file, table } = await readLegacyFile(path, 'vanilla')
    expect([...(table?.rows ?? [])]).toEqual([0, 1, 2, 3, 4, 5])
    expect(file.warnings).toEqual([expect.stringContaining('no checksums')])
    writeFileSync(path, readFileSync(path).subarray(0, -3))
    expect((await readLegacyFile(path, 'vanilla')).file).toMatchObject({ damaged: true, ids: [] })
  },
)

test.skipIf(!hasPython)('whatever way torch.save is called, its files are whole', async () => {
  const counts = [2, 2, 2, 2, 2, 2, 0, 0, 2500]
  for (const [i, count] of counts.entries()) {
    const name = `output_${i + 1}_${i === 7 ? 'merged' : 'ESM'}.pt`
    const { file } = await readLegacyFile(join(torchFiles, 'ways', name), 'broad')
    expect([name, file.problem, file.ids.length]).toEqual([name, undefined, count])
  }
})
