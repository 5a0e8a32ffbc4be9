import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { RETRY_CODES } from '../../../src/exit-codes.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { engineSucceeds, hasEngines, installCommand, runEngine } from '../../support/workflows.ts'
import { COMPUTE, filesOfWhole, lettersFrom } from '../shards/support.ts'

setDefaultTimeout(240_000)

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const SNAKEFILE = join(repository, 'workflow/Snakefile')

function snakemake(...words: string[]) {
  const all = ['snakemake', '--snakefile', SNAKEFILE, '--configfile', 'config.json', ...words]
  return [all, folder.path, { XDG_CACHE_HOME: folder.join('cache') }] as const
}

beforeAll(() => {
  const letters = lettersFrom(7)
  const records = Array.from({ length: 11 }, (_, i) => `>c${i} text\n${letters(80 + 90 * i, 'ACGg')}\n`)
  writeFileSync(folder.join('contigs.fa'), `>none\n${records.join('')}`)
  writeFileSync(folder.join('samples.csv'), 'sample,fasta\ns1,contigs.fa\n')
  const config = { gpus: 0, threads: 1, mem_mb: 1000, retries: 1, predict_options: COMPUTE.join(' ') }
  writeFileSync(folder.join('config.json'), JSON.stringify(config))
  installCommand(folder.path, '0003')
})

test.skipIf(!hasEngines)(
  'eight shards on two cores, one job killed: the whole is that of the plain run',
  async () => {
    const output = await engineSucceeds(...snakemake('--cores', '2'))
    expect(existsSync(folder.join('killed'))).toBe(true)
    expect(output).toContain('Trying to restart job')
    const words = ['predict', 'contigs.fa', '-o', 'whole', '--prefix', 's1', ...COMPUTE]
    expect(await virnucpro(words, folder.path)).toMatchObject({ code: 0 })
    expect(filesOfWhole(folder.join('results/s1'))).toEqual(filesOfWhole(folder.join('whole')))
    const log = readFileSync(folder.join('results/logs/s1.0003.log'), 'utf8')
    expect(log.match(/open frame/g)?.length).toBeGreaterThan(0)
  },
)

test.skipIf(!hasEngines)('an input and options that have changed are computed', async () => {
  const changed = (...words: string[]) =>
    snakemake('--cores', '2', '--config', 'shards=2', 'outdir=changed', ...words)
  await engineSucceeds(...changed())
  writeFileSync(folder.join('contigs.fa'), `>new\n${lettersFrom(8)(400, 'ACGg')}\n`, { flag: 'a' })
  await engineSucceeds(...changed())
  const options = `${COMPUTE.join(' ')} --min-length 300`
  await engineSucceeds(...changed(`predict_options=${options}`))
  const words = ['predict', 'contigs.fa', '-o', 'whole-changed', '--prefix', 's1', ...options.split(' ')]
  expect(await virnucpro(words, folder.path)).toMatchObject({ code: 0 })
  expect(filesOfWhole(folder.join('changed/s1'))).toEqual(filesOfWhole(folder.join('whole-changed')))
})

test.skipIf(!hasEngines).each(['slurm', 'kubernetes'])(
  'the profile for %s asks for a GPU for each shard',
  async (profile) => {
    const store = ['--default-storage-provider', 'fs', '--default-storage-prefix', folder.path]
    const output = await engineSucceeds(
      ...snakemake(
        '--workflow-profile',
        join(repository, 'workflow/profiles', profile),
        ...(profile === 'kubernetes' ? store : []),
        ...['--config', 'gpus=1', 'shards=3', 'outdir=other', '--dry-run'],
      ),
    )
    const jobs = output.split(/^rule /m).filter((text) => text.startsWith('predict'))
    expect(jobs).toHaveLength(3)
    for (const job of jobs) expect(job).toMatch(/resources: .*\bgpu=1\b/)
    if (profile === 'kubernetes') expect(jobs[0]).toContain('gpu_manufacturer=nvidia')
  },
)

test.skipIf(!hasEngines)('a configuration with a fault is refused by its name', async () => {
  const { code, output } = await runEngine(...snakemake('--cores', '1', '--config', 'shards=0', '--dry-run'))
  expect(code).not.toBe(0)
  expect(output).toContain('0 is less than the minimum of 1')
})

test('a job is tried again after the exit codes that a retry can mend, and after no other', () => {
  const attempt = (number: number, code: number) => {
    const script = join(repository, 'workflow/scripts/retryable.sh')
    const work = `echo ran; exit ${code}`
    const note = folder.join(`note-${code}`)
    const { exitCode, stdout } = Bun.spawnSync(['sh', script, String(number), note, 'sh', '-c', work])
    return { exitCode, ran: stdout.toString() === 'ran\n' }
  }
  for (const code of [0, 1, 2, 3, 64, 65, 66, 69, 73, 74, 75, 129, 130, 137, 143]) {
    expect(attempt(1, code)).toEqual({ exitCode: code, ran: true })
    expect(attempt(2, code)).toEqual({ exitCode: code, ran: code === 0 || RETRY_CODES.includes(code) })
    // Another start of the workflow forgets.
    expect(attempt(1, code).ran).toBe(true)
  }
})
