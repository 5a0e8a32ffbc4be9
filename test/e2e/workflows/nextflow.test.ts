import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { YAML } from 'bun'
import manifest from '../../../package.json' with { type: 'json' }
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { RETRY_CODES } from '../../../src/exit-codes.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { engineSucceeds, hasEngines, installCommand, runEngine } from '../../support/workflows.ts'
import { COMPUTE, filesOfWhole, lettersFrom, matesAsFastq } from '../shards/support.ts'

setDefaultTimeout(240_000)

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const PIPELINE = join(repository, 'nextflow')
const BUNDLE = join(repository, 'examples/demo-bundle')
const READS = ['reads_R1.fastq', 'reads_R2.fastq']

function nextflow(...words: string[]) {
  const all = [
    'nextflow',
    '-c',
    'test.config',
    'run',
    join(PIPELINE, 'main.nf'),
    '--input',
    'samples.csv',
    ...words,
  ]
  return [all, folder.path, { NXF_HOME: folder.join('nextflow') }] as const
}

beforeAll(() => {
  const letters = lettersFrom(9)
  for (const [i, name] of READS.entries()) writeFileSync(folder.join(name), matesAsFastq(i + 1, 12, letters))
  writeFileSync(folder.join('samples.csv'), `sample,fastq_1,fastq_2\ns1,${READS.join(',')}\n`)
  const config = `process {
  withName: 'VIRNUCPRO_PREDICT' { cpus = 1; memory = 1.GB; ext.args = '${COMPUTE.slice(2).join(' ')}' }
}
executor.cpus = 2
`
  writeFileSync(folder.join('test.config'), config)
  installCommand(folder.path, '0003')
})

test.skipIf(!hasEngines)(
  'eight shards on two cores, one job killed: the whole is that of the plain run',
  async () => {
    const output = await engineSucceeds(...nextflow('--outdir', 'out', '--shards', '8', '--bundle', BUNDLE))
    expect(existsSync(folder.join('killed'))).toBe(true)
    expect(output).toContain('terminated with an error exit status (137) -- Execution is retried (1)')
    const words = ['predict', ...READS, '-o', 'whole', '--prefix', 's1', ...COMPUTE]
    expect(await virnucpro(words, folder.path)).toMatchObject({ code: 0 })
    expect(filesOfWhole(folder.join('out/s1'))).toEqual(filesOfWhole(folder.join('whole')))
    const versions = YAML.parse(readFileSync(folder.join('out/virnucpro_versions.yml'), 'utf8'))
    const own = { virnucpro: manifest.version }
    expect(versions).toEqual({ VIRNUCPRO_SHARD: own, VIRNUCPRO_PREDICT: own, VIRNUCPRO_MERGE: own })
  },
)

test.skipIf(!hasEngines)('a stub run makes every output, for a sample with dots in its name', async () => {
  writeFileSync(folder.join('dots.csv'), `sample,fastq_1\nSRR1.v2,${READS[0]}\n`)
  const words = ['--input', 'dots.csv', '--outdir', 'stub', '--shards', '2', '-stub', '-profile', 'gpu']
  await engineSucceeds(...nextflow(...words))
  expect(readdirSync(folder.join('stub/SRR1.v2/SRR1.v2_results')).sort()).toEqual([
    'chunks.tsv',
    'contigs.tsv',
    'viral.fasta.gz',
  ])
})

test.skipIf(!hasEngines)('a sample in two rows is refused', async () => {
  writeFileSync(folder.join('twice.csv'), `sample,fastq_1\ns1,${READS[0]}\ns2,${READS[1]}\ns1,${READS[1]}\n`)
  const words = ['--input', 'twice.csv', '--outdir', 'twice', '--shards', '2', '-stub']
  const { code, output } = await runEngine(...nextflow(...words))
  expect(code).not.toBe(0)
  expect(output).toContain('twice.csv: sample s1 is there twice')
  expect(existsSync(folder.join('twice/s1'))).toBe(false)
})

test('jobs are tried again after the exit codes that a retry can mend', () => {
  const config = readFileSync(join(PIPELINE, 'nextflow.config'), 'utf8')
  expect(config).toContain(`task.exitStatus in [${RETRY_CODES.join(', ')}] ? 'retry' : 'finish'`)
})

test.each(['shard', 'predict', 'merge'])(
  'meta.yml of %s has every input and output of the process',
  (name) => {
    const module = join(PIPELINE, 'modules/virnucpro', name)
    const process = readFileSync(join(module, 'main.nf'), 'utf8')
    const meta = YAML.parse(readFileSync(join(module, 'meta.yml'), 'utf8')) as Record<string, unknown>
    const section = (from: string, to: string) => process.slice(process.indexOf(from), process.indexOf(to))
    const emitted = [...section('output:', 'when:').matchAll(/emit: (\w+)/g)].map(([, emit]) => emit)
    expect(Object.keys(meta.output as object).sort()).toEqual(emitted.sort() as string[])
    const taken = [...section('input:', 'output:').matchAll(/(?:val|path)(?:\(| )(\w+)/g)].map(
      ([, input]) => input,
    )
    const named = (meta.input as (object | object[])[]).flat().flatMap((each) => Object.keys(each))
    expect(named).toEqual(taken as string[])
    expect(process).toContain(`process ${String(meta.name).toUpperCase()} {`)
    expect(existsSync(join(module, 'environment.yml'))).toBe(true)
  },
)
