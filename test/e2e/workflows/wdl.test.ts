import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { engineSucceeds, hasEngines, installCommand } from '../../support/workflows.ts'
import { COMPUTE, filesOfWhole, lettersFrom } from '../shards/support.ts'

setDefaultTimeout(240_000)

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const WDL = join(repository, 'wdl')
// Those that the task and the workflow have no inputs for.
const OPTIONS = COMPUTE.slice(2).join(' ')

/** Runs a WDL file on this machine. @returns its outputs */
async function run(target: readonly string[], ...inputs: string[]): Promise<Record<string, string>> {
  const host = join(import.meta.dir, 'miniwdl-host.py')
  const words = ['python', host, 'run', '--dir', "users' runs", ...target, ...inputs]
  const output = await engineSucceeds(words, folder.path)
  const { outputs } = JSON.parse(output.slice(output.indexOf('\n{') + 1, output.lastIndexOf('\n}') + 2))
  return outputs
}

async function unpack(archive: string | undefined, into: string): Promise<void> {
  await mkdir(folder.join(into))
  const { exitCode } = Bun.spawnSync(['tar', '-xf', archive ?? '', '-C', folder.join(into)])
  expect(exitCode).toBe(0)
}

beforeAll(() => {
  const letters = lettersFrom(11)
  const records = Array.from({ length: 5 }, (_, i) => `>c${i} text\n${letters(80 + 90 * i, 'ACGg')}\n`)
  writeFileSync(folder.join('contigs.fasta'), records.join(''))
  writeFileSync(folder.join("user's own contigs.fasta"), records.join(''))
  installCommand(folder.path)
})

test.skipIf(!hasEngines)('miniwdl finds no fault in tasks and workflow', async () => {
  const files = ['tasks_virnucpro.wdl', 'virnucpro.wdl'].map((name) => join(WDL, name))
  // Platforms have attributes of their own, and shellcheck is not installed.
  const suppressed = ['--suppress', 'UnknownRuntimeKey,CommandShellCheck']
  await engineSucceeds(['miniwdl', 'check', '--strict', ...suppressed, ...files], folder.path)
})

test.skipIf(!hasEngines)(
  'the workflow makes of shards what the plain run makes of the whole, whatever its files are called',
  async () => {
    const inputs = [
      "sequences=user's own contigs.fasta",
      'sample=s1',
      'shards=2',
      'bundle=demo',
      'cpu=1',
      'machine_mem_gb=1',
    ]
    const outputs = await run([join(WDL, 'virnucpro.wdl')], ...inputs, `predict_options=${OPTIONS}`)
    await unpack(outputs['virnucpro_sharded.results'], 'sharded')
    const words = ['predict', "user's own contigs.fasta", '-o', 'whole', '--prefix', 's1', ...COMPUTE]
    expect(await virnucpro(words, folder.path)).toMatchObject({ code: 0 })
    const [sharded, whole] = [filesOfWhole(folder.join('sharded')), filesOfWhole(folder.join('whole'))]
    expect(sharded).toEqual(whole)
    expect(readFileSync(outputs['virnucpro_sharded.contigs'] ?? '', 'latin1')).toBe(
      whole.get('s1_results/contigs.tsv') as string,
    )
  },
)

test.skipIf(!hasEngines)(
  "the task gives the archive of Broad's, with tables that its next task reads",
  async () => {
    const target = ['--task', 'classify_virnucpro', join(WDL, 'tasks_virnucpro.wdl')]
    const inputs = [
      'reads_input=contigs.fasta',
      'expected_length=100',
      'bundle=demo',
      'cpu=1',
      'machine_mem_gb=1',
    ]
    const outputs = await run(target, ...inputs, `options=--token-budget 1`)
    await unpack(outputs['classify_virnucpro.virnuc_pro_scores'], 'broad')
    const words = ['predict', 'contigs.fasta', '-o', 'plain', '--layout', 'broad', ...COMPUTE]
    expect(await virnucpro(words, folder.path)).toMatchObject({ code: 0 })
    for (const [name, table] of [
      ['contigs.virnucpro.tsv', 'prediction_results.txt'],
      ['contigs.virnucpro_highestscore.csv', 'prediction_results_highestscore.csv'],
    ] as const)
      expect(readFileSync(folder.join('broad', name), 'utf8')).toBe(
        readFileSync(folder.join('plain/contigs_merged', table), 'utf8'),
      )
    expect(readFileSync(folder.join('broad/contigs.virnucpro_highestscore.csv'), 'utf8')).toContain(
      'Modified_ID\tIs_Virus\tmax_score_0\tmax_score_1\n',
    )
    expect(outputs['classify_virnucpro.virnucpro_version']).toMatch(/^virnucpro \d/)
  },
)
