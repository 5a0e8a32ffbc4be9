import { afterAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { chunkBounds, openChunks } from '../../../src/sequence/index.ts'
import { succeed, virnucpro } from '../../support/cli.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { ownReference, referenceBundle } from '../../support/reference.ts'
import { distance, readEmbeddings, reference } from './support.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

/** Open frames on both strands, an equal record, lower case, one without an open frame, and one with N. */
const RECORDS: [id: string, sequence: string][] = [
  ['first', 'ACGGCACCGAGGCAACGACCGGA'.repeat(30)],
  ['same', 'ACGGCACCGAGGCAACGACCGGA'.repeat(30)],
  ['lower', 'acgccgacgaaggcaacc'.repeat(12)],
  ['silent', 'TAGTTAGTTAGCTACTACTA'.repeat(10)],
  ['gap', `${'ACGGCA'.repeat(20)}${'N'.repeat(30)}${'GGCACG'.repeat(20)}`],
]
const input = folder.join('contigs.fa')
writeFileSync(input, RECORDS.map(([id, sequence]) => `>${id} some words\n${sequence}\n`).join(''))

interface Frame {
  id: string
  nucleotide: string
  protein: string
}

const frames = RECORDS.flatMap(([id, sequence]) =>
  [...openChunks(Buffer.from(sequence), 300)].flatMap(({ index, frames }) =>
    frames.map(
      ({ frame, nucleotide, protein }): Frame => ({
        id: `${id}_chunk_${index}${frame}`,
        nucleotide: Buffer.from(nucleotide).toString(),
        protein: Buffer.from(protein).toString(),
      }),
    ),
  ),
)

const embed = (...words: string[]) =>
  succeed('embed', input, '--bundle', 'demo', '--expected-length', '300', ...words)

test('frames of both models are what each model gives for each frame by itself', async () => {
  const output = folder.join('frames.safetensors')
  const { stderr } = await embed('--output', output)
  expect(stderr).toContain(`5 records; ${frames.length} sequences embedded: ${output}`)
  const found = await readEmbeddings(output, ['dnabert_s', 'esm2'])
  expect(found.ids).toEqual(frames.map(({ id }) => id))
  const dna = frames.map(({ nucleotide }) => nucleotide)
  const proteins = frames.map(({ protein }) => protein)
  expect(distance(found.rows.get('dnabert_s'), await reference('dnabert_s', dna))).toBeLessThan(2e-6)
  expect(distance(found.rows.get('esm2'), await reference('esm2', proteins))).toBeLessThan(2e-6)
})

test('chunks are embedded as DNA', async () => {
  const output = folder.join('chunks.safetensors')
  await embed('--of', 'chunks', '--output', output)
  const found = await readEmbeddings(output, ['dnabert_s'])
  const chunks = RECORDS.flatMap(([id, sequence]) =>
    chunkBounds(sequence.length, 300).map(({ index, start, end }) => ({
      id: `${id}_chunk_${index}`,
      letters: sequence.slice(start, end).toUpperCase(),
    })),
  )
  expect(found.ids).toEqual(chunks.map(({ id }) => id))
  const expected = await reference(
    'dnabert_s',
    chunks.map(({ letters }) => letters),
  )
  expect(distance(found.rows.get('dnabert_s'), expected)).toBeLessThan(2e-6)
})

test('an input without an open frame has a file without a row', async () => {
  const silent = folder.join('silent.fa')
  writeFileSync(silent, `>silent\n${RECORDS[3]![1]}\n`)
  const output = folder.join('silent.safetensors')
  const { stderr } = await succeed('embed', silent, '--bundle', 'demo', '--output', output)
  expect(stderr).toContain('there is nothing to embed')
  expect((await readEmbeddings(output, ['dnabert_s', 'esm2'])).ids).toEqual([])
})

describe.skipIf(!hasPython)('what Python reads', () => {
  test('the three forms say the same, and places in Parquet give each sequence back', async () => {
    const files = ['parquet', 'npz', 'safetensors'].map((ending) => folder.join(`same.${ending}`))
    for (const file of files) await embed('--output', file)
    const program = `
import json, sys
import duckdb, numpy as np, pandas as pd, polars as pl
from safetensors.numpy import load_file
from safetensors import safe_open
parquet, npz, safetensors, fasta = sys.argv[1:]
records = {}
for line in open(fasta):
    if line[0] == ">": name = line[1:].split()[0]
    else: records[name] = line.strip().upper()
z = np.load(npz, allow_pickle=False)
t = load_file(safetensors)
ids = z["ids"].tolist()
assert ids == bytes(t["ids"]).decode().splitlines()
assert z["dnabert_s"].dtype == np.float32
for model in ["dnabert_s", "esm2"]:
    assert (z[model] == t[model]).all()
p = pd.read_parquet(parquet)
assert p["id"].tolist() == [id for id in ids for _ in range(2)]
assert p["model"].tolist() == ["dnabert_s", "esm2"] * len(ids)
for model in ["dnabert_s", "esm2"]:
    rows = p[p["model"] == model]
    assert (np.stack(rows["embedding"]) == z[model]).all()
for row in p.itertuples():
    assert row.id == f"{row.seq_name}_chunk_{row.chunk}{row.frame}"
    assert row.strand == ("+" if row.frame[0] == "F" else "-")
esm2 = duckdb.sql(f"SELECT id, embedding FROM '{parquet}' WHERE model = 'esm2'").fetchnumpy()
assert esm2["id"].tolist() == ids and (np.stack(esm2["embedding"]) == z["esm2"]).all()
assert (np.stack(pl.read_parquet(parquet).filter(pl.col("model") == "esm2")["embedding"].to_list()) == z["esm2"]).all()
about = json.loads(str(z["metadata"]))
with safe_open(safetensors, "np") as f: assert f.metadata() == about
sequences = [[row.id, records[row.seq_name][row.start - 1:row.end]] for row in p.itertuples()][::2]
print(json.dumps([about, p.dtypes.astype(str).to_dict(), sequences]))`
    const [about, types, places] = JSON.parse(await runPython(program, ...files, input))
    expect(about).toMatchObject({
      'virnucpro.of': 'frames',
      'virnucpro.chunk_length': '300',
      'virnucpro.bundle': 'demo',
      'virnucpro.precision': 'fp32',
    })
    expect(about['virnucpro.demonstration']).toBe(
      'DEMONSTRATION: made with random models, these embeddings mean nothing',
    )
    expect(types).toMatchObject({ chunk: 'int64', start: 'int64', end: 'int64' })
    // Every frame is a piece of its chunk, or of its reverse complement.
    for (const [i, [id, chunk]] of (places as [string, string][]).entries()) {
      const frame = frames[i]!
      expect(id).toBe(frame.id)
      const strand = /F\d$/.test(id) ? chunk : reverseComplement(chunk)
      expect(strand.slice(Number(id.at(-1)) - 1)).toStartWith(frame.nucleotide)
    }
  })

  test("embeddings of frames are those of the original's own run", async () => {
    const bundle = await referenceBundle(ownReference, folder.join('bundle'))
    const output = folder.join('original.npz')
    await succeed('embed', ownReference.input, '--bundle', bundle, '--output', output)
    const program = `
import glob, sys
import numpy as np, torch
z = np.load(sys.argv[1])
rows = {id: i for i, id in enumerate(z["ids"].tolist())}
seen = 0
for path in glob.glob(sys.argv[2] + "/**/output_*_DNABERT_S.pt", recursive=True):
    for row in torch.load(path, weights_only=False)["data"]:
        mine = z["dnabert_s"][rows[row["label"]]]
        assert np.abs(mine - np.array(row["mean_representation"])).max() < 2e-5
        seen += 1
for path in glob.glob(sys.argv[2] + "/**/output_*_ESM.pt", recursive=True):
    data = torch.load(path, weights_only=False)
    for id, row in zip(data["proteins"], data["data"]):
        assert np.abs(z["esm2"][rows[id]] - row.numpy()).max() < 2e-5
        seen += 1
print(seen, 2 * len(rows))`
    const [seen, all] = (await runPython(program, output, ownReference.output)).trim().split(' ')
    expect(Number(seen)).toBeGreaterThan(40)
    expect(seen).toBe(all)
  })
})

function reverseComplement(sequence: string): string {
  const partner: Record<string, string> = { A: 'T', C: 'G', G: 'C', T: 'A' }
  return [...sequence]
    .reverse()
    .map((letter) => partner[letter] ?? letter)
    .join('')
}

test.each([
  ['chunks and ESM-2', ['--of', 'chunks', '--model', 'esm2'], 'chunks are DNA, which ESM-2 does not read'],
  ['records and both models', ['--of', 'records', '--model', 'both'], 'each model reads one of the two'],
  ['frames of proteins', ['--alphabet', 'protein'], 'frames are cut from DNA'],
  [
    'proteins and DNABERT-S',
    ['--of', 'records', '--model', 'dnabert_s', '--alphabet', 'protein'],
    'DNABERT-S reads DNA, and the input is said to hold proteins',
  ],
  ['a greatest length of frames', ['--max-length', '10'], 'a greatest length is for whole records'],
  [
    'more residues than the mean has',
    ['--of', 'records', '--model', 'esm2', '--max-length', '2000'],
    'averages 1024 residues at most',
  ],
])('%s do not go together', async (_, words, message) => {
  const output = folder.join('clash.npz')
  const { code, stderr } = await virnucpro(['embed', input, '--bundle', 'demo', '--output', output, ...words])
  expect(stderr).toContain(message)
  expect(stderr).toContain('--of records whole DNA')
  expect(code).toBe(64)
})

test.each([
  ['no ending', 'embeddings'],
  ['an unknown ending', 'embeddings.csv'],
])('an output with %s is refused', async (_, name) => {
  const { code, stderr } = await virnucpro([
    'embed',
    input,
    '--bundle',
    'demo',
    '--output',
    folder.join(name),
  ])
  expect(stderr).toContain('expected .parquet, .npz, .safetensors')
  expect(code).toBe(64)
})
