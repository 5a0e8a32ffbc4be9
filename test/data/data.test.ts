// The committed data is what its generator makes, its comparison notices what differs, and both follow the original's rules.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../scripts/support/temporary.ts'
import { hasPython, python, runPython } from '../support/python.ts'
import { compareRun, oldRuns, ownReference, referenceRuns } from '../support/reference.ts'

// Starting torch takes seconds, on a loaded machine many.
setDefaultTimeout(120_000)

const FOLDER = import.meta.dir

async function ran(...command: string[]) {
  const child = Bun.spawn([python, ...command], { stdout: 'pipe', stderr: 'inherit' })
  const out = await new Response(child.stdout).text()
  return { code: await child.exited, lines: out.trim().split('\n') }
}

function changeByte(path: string, at: number) {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

function replaceIn(path: string, from: string | RegExp, to: string) {
  const text = readFileSync(path, 'utf8')
  expect(text).toMatch(from)
  writeFileSync(path, text.replace(from, to))
}

test.skipIf(!hasPython)(
  'the generator makes every committed file, and tells which ones are not so',
  async () => {
    await using copy = temporaryFolder()
    cpSync(FOLDER, copy.path, { recursive: true })
    // Of each kind one that is not as it was made: all others must be.
    changeByte(copy.join('tiny/models/esm2_t2_tiny.pt'), 40_000)
    replaceIn(copy.join('tiny/traces/layers.json'), /"data": \[-?\d\.\d/, '"data": [9.9')
    replaceIn(copy.join('tiny/reference/contigs_merged/prediction_results.txt'), 'virus', 'others')
    rmSync(copy.join('old-runs/old_reads.fa'))
    expect(await ran(copy.join('make.py'), '--check')).toEqual({
      code: 1,
      lines: [
        'old-runs/old_reads.fa: only one of the two has it',
        'tiny/models/esm2_t2_tiny.pt: other bytes',
        'tiny/reference/contigs_merged/prediction_results.txt: other content',
        expect.stringMatching(/^tiny\/traces\/layers\.json: numbers differ by /),
      ],
    })
  },
)

test.skipIf(!hasPython)('the comparison of runs tells every file that differs', async () => {
  await using copy = temporaryFolder()
  cpSync(ownReference.output, copy.path, { recursive: true })
  replaceIn(copy.join('contigs_identified_protein.faa'), '\nA\n', '\nG\n')
  replaceIn(copy.join('contigs_merged/prediction_results.txt'), /\t0\.\d+\n/, '\t0.125\n')
  cpSync(copy.join('contigs_protein/output_1_ESM.pt'), copy.join('contigs_protein/output_2_ESM.pt'))
  rmSync(copy.join('contigs_nucleotide/output_3.fa'))
  const { code, lines } = await ran(ownReference.comparer, copy.path, ownReference.output)
  expect(code).toBe(1)
  expect(lines).toEqual([
    'contigs_nucleotide/output_3.fa: missing',
    'contigs_identified_protein.faa: other bytes',
    expect.stringMatching(/^contigs_merged\/prediction_results\.txt: numbers differ by /),
    'contigs_protein/output_2_ESM.pt: other keys, types, ids or shapes',
    'FAIL 40 files',
  ])
})

// What the replica of the original makes of other models is what the original itself made of them.
test.skipIf(!hasPython).each(referenceRuns.slice(1).map((run) => [run.name, run] as const))(
  'the replica of the original makes the run of %s',
  async (_, run) => {
    await using folder = temporaryFolder()
    const { esm, dnabert, mlp } = run.models
    const program = join(FOLDER, 'original/run.py')
    const { code } = await ran(program, esm, dnabert, mlp, run.input, '500', '7', folder.path)
    expect(code).toBe(0)
    expect(await compareRun(run, folder.path)).toStartWith('PASS')
  },
)

test.skipIf(!hasPython)('the replica prints the tables of both programs, digit by digit', async () => {
  const again = `
import sys
sys.path.insert(0, sys.argv[1])
from original import tables
for layout, folder in zip(("vanilla", "broad") * 9, sys.argv[2:]):
    with open(folder + "/prediction_results.txt") as file: text = file.read()
    rows = [line.split("\\t") for line in text.splitlines()[1:]]
    scores = [(float(a), float(b)) for _, _, a, b in rows]
    assert tables.predictions(layout, [row[0] for row in rows], scores) == text, folder
    with open(folder + "/prediction_results_highestscore.csv") as file:
        assert tables.consensus(layout, text) == file.read(), folder
print(len(sys.argv) - 2)
`
  const folders = oldRuns.flatMap(({ stem, vanilla, broad }) =>
    [vanilla, broad].map((run) => join(run, `${stem}_merged`)),
  )
  expect(Number(await runPython(again, FOLDER, ...folders))).toBe(folders.length)
})
