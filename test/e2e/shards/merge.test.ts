import { afterAll, beforeAll, describe, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import {
  existsSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { cp, type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { readSummary } from '../../../src/report/index.ts'
import { shardInputs } from '../../../src/shards/index.ts'
import { silent } from '../../../src/system/logger.ts'
import { spawnCli, virnucpro } from '../../support/cli.ts'
import { COMPUTE, filesOfWhole, lettersFrom, matesAsFastq } from './support.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const INPUTS = ['contigs.fa', 'reads_R1.fastq', 'reads_R2.fastq']
const SKIP = ['--on-invalid', 'skip']

async function succeed(...words: string[]): Promise<string> {
  const { code, stderr } = await virnucpro(words, folder.path)
  if (code !== 0) throw new Error(`virnucpro ${words.join(' ')} exited with ${code}:\n${stderr}`)
  return stderr
}

/** A command that fails. */
async function fail(...words: string[]) {
  const { code, stderr } = await virnucpro(words, folder.path)
  return { code, stderr }
}

/** Predicts every shard in a folder of its own. */
async function predictShards(shards: string, into: string, ...options: string[]): Promise<void> {
  const files = readdirSync(folder.join(shards)).filter((name) => name.includes('.fasta'))
  const paths = files
    .sort()
    .reverse()
    .map((name) => join(shards, name))
  await succeed('predict', ...paths, '--per-input', '-o', into, ...COMPUTE, ...options)
}

const OPEN = 'GCTGCAGCC'.repeat(14)

/** Contigs with and without open frames, among them all that is left out or only unusual; and mates. */
function writeInputs(): void {
  const letters = lettersFrom(5)
  const contigs = Array.from(
    { length: 9 },
    (_, i) => `>c${i} description ${i}\twith a tab\n${letters(30 + 47 * i, 'ACGg')}\n`,
  )
  contigs.splice(2, 0, '>empty\n', `>joined\n >not a header\n${OPEN}\n`)
  contigs.splice(5, 0, '>c0 once more\nACGT\n', '>p\nMKLPEFILQWMKLPEFILQW\n', `>odd é\n${OPEN}1//\n`)
  contigs.push('>stops\nTAACTAACTAACTAACTAA\n', '>n\nNNNNNNNNNN\n', '>last empty\n')
  writeFileSync(folder.join('contigs.fa'), contigs.join(''))
  writeFileSync(folder.join('reads_R1.fastq'), matesAsFastq(1, 8, letters))
  writeFileSync(folder.join('reads_R2.fastq'), matesAsFastq(2, 8, letters))
}

beforeAll(async () => {
  writeInputs()
  await succeed('predict', ...INPUTS, '-o', 'whole', ...COMPUTE, ...SKIP)
  await succeed('shard', ...INPUTS, '--shards', '4', '-o', 'shards', ...SKIP)
  await predictShards('shards', 'runs')
  await succeed('merge', 'runs', '--manifest', 'shards/shards.json', '-o', 'merged')
})

/** In an order that is not theirs. */
function runs(): string[] {
  return readdirSync(folder.join('runs'))
    .filter((name) => name.includes('_shard_'))
    .sort()
    .reverse()
    .map((name) => join('runs', name))
}

const files = (of: string) => filesOfWhole(folder.join(of))

describe('shards, their runs and the merger', () => {
  test('leave every file of the run over the whole, to the byte', () => {
    expect(files('merged')).toEqual(files('whole'))
    expect(files('merged').size).toBeGreaterThan(10)
  })

  test('report the whole', async () => {
    const read = async (of: string) => {
      const { counts, inputs, lengths, settings, files, demonstration } = await readSummary(
        folder.join(of, 'contigs_report/summary.json'),
      )
      const { outputDir: _, metrics: __, ...rest } = settings
      const { metrics: ___, ...paths } = files
      return { counts: { ...counts, parts: 0 }, inputs, lengths, settings: rest, paths, demonstration }
    }
    expect(await read('merged')).toEqual(await read('whole'))
    expect(readFileSync(folder.join('merged/contigs_report/report.html'), 'utf8')).toContain('contigs.fa')
  })

  test('give what `predict` takes for its own finished run', async () => {
    const log = await succeed('predict', ...INPUTS, '-o', 'merged', ...COMPUTE, ...SKIP)
    expect(log).toContain('this run has finished before')
  })

  test('keep mates together, letters and descriptions as they are', () => {
    const texts = readdirSync(folder.join('shards'))
      .filter((name) => name.endsWith('.fasta'))
      .map((name) => readFileSync(folder.join('shards', name), 'utf8'))
    for (const i of [0, 1, 2, 4, 5, 6, 7]) {
      const holders = texts.filter((text) => text.includes(`>read${i}/`))
      expect(holders).toHaveLength(1)
      expect(holders[0]).toContain(`>read${i}/1 1:N\n`)
      expect(holders[0]).toContain(`>read${i}/2 2:N\n`)
    }
    expect(texts.join('')).toContain('>c3 description 3\twith a tab\n')
    expect(texts.join('')).toContain(`>joined\n >notaheader${OPEN}\n`)
    expect(texts.join('')).not.toContain('read3/1')
  })
})

test.each([
  ['Broad', ['--bases', '700', '--gzip'], ['--layout', 'broad']],
  [
    'more shards than records',
    ['--shards', '40'],
    '--call any --viral-gap 0 --min-length 130 --min-score 0.4'.split(' '),
  ],
] as const)('%s: the whole is the same', async (name, cut, options) => {
  // Some records are enough.
  const input = 'few.fa'
  const text = `>a\n${OPEN.repeat(5)}\n>none\n>b x\n${OPEN}\n>stop\nTAACTAACTAACTAACTAA\n>c\n${OPEN.slice(1)}\n`
  writeFileSync(folder.join(input), text)
  const place = (what: string) => `${name} ${what}`
  await succeed('predict', input, '-o', place('whole'), ...COMPUTE, ...options)
  await succeed('shard', input, ...cut, '-o', place('shards'))
  if (name === 'Broad') await predictShards(place('shards'), place('runs'), ...options)
  else {
    // All in one folder; of those without a record one is enough.
    const { shards } = JSON.parse(readFileSync(folder.join(place('shards'), 'shards.json'), 'utf8'))
    const some = shards.filter(({ records }: { records: number }) => records > 0)
    const one = shards.find(({ records }: { records: number }) => records === 0)
    for (const { file } of [...some, one])
      await succeed('predict', join(place('shards'), file), '-o', place('runs'), ...COMPUTE, ...options)
  }
  await succeed('merge', place('runs'), '--manifest', place('shards'), '-o', place('merged'))
  expect(files(place('merged'))).toEqual(files(place('whole')))
})

test('a merger that fails leaves nothing in a new folder, nor beside what is there', async () => {
  for (const name of ['same-1', 'same-2']) {
    writeFileSync(folder.join(`${name}.fa`), `>same\n${OPEN}\n`)
    await succeed('predict', `${name}.fa`, '-o', name, ...COMPUTE)
  }
  const { code, stderr } = await fail('merge', 'same-1', 'same-2', '-o', 'failed/there')
  expect({ code, stderr }).toEqual({
    code: 65,
    // Neither of the options of predict for such ids is one of merge.
    stderr:
      'error: same-2.fa:1: duplicate id "same", first at same-1.fa:1; give every record an id of its own [duplicate-id]\n',
  })
  expect(existsSync(folder.join('failed/there'))).toBe(false)
  mkdirSync(folder.join('used'))
  writeFileSync(folder.join('used/mine.txt'), 'mine')
  await fail('merge', 'same-1', 'same-2', '-o', 'used')
  expect(readdirSync(folder.join('used'))).toEqual(['mine.txt'])
})

test('without a list the whole is the run over all inputs, in the order of the folders', async () => {
  for (const name of ['one', 'two']) {
    writeFileSync(
      folder.join(`${name}.fa`),
      `>${name}\n${OPEN}${OPEN}\n>${name}_empty\n>${name}_b\n${OPEN}\n`,
    )
    await succeed('predict', `${name}.fa`, '-o', `run-${name}`, ...COMPUTE)
  }
  await succeed('predict', 'two.fa', 'one.fa', '-o', 'both', ...COMPUTE)
  await succeed('merge', 'run-two', 'run-one', '-o', 'both-merged')
  expect(files('both-merged')).toEqual(files('both'))
})

describe('a merger', () => {
  const merge = (...more: string[]) => ['merge', '--manifest', 'shards', ...more]

  test('once more changes nothing; a file that is gone comes back', async () => {
    const table = folder.join('merged/contigs_merged/prediction_results.txt')
    const before = statSync(table).mtimeMs
    expect(await succeed(...merge(...runs(), '-o', 'merged'))).toContain('merged before')
    expect(statSync(table).mtimeMs).toBe(before)
    rmSync(folder.join('merged/contigs_results/viral.bed'))
    await succeed(...merge(...runs(), '-o', 'merged'))
    expect(files('merged')).toEqual(files('whole'))
  })

  test('of other options takes the place of the one before', async () => {
    await succeed(...merge(...runs(), '-o', 'merged', '--no-report'))
    const report = /^contigs_report\//
    const rest = [...files('whole')].filter(([name]) => !report.test(name))
    expect(files('merged')).toEqual(new Map(rest))
    await succeed(...merge(...runs(), '-o', 'merged'))
    expect(files('merged')).toEqual(files('whole'))
  })

  test('may lie among its runs, with embeddings beside them', async () => {
    await cp(folder.join('runs'), folder.join('all'), { recursive: true })
    const [first = ''] = runs()
    const shard = `shards/${first.slice(5)}.fasta`
    const rest = '--bundle demo --device cpu -e 100 --no-progress'.split(' ')
    for (const place of ['all', first.replace('runs', 'all')])
      await succeed('embed', shard, '-o', join(place, 'frames.npz'), ...rest)
    await succeed(...merge('all', '-o', 'all'))
    expect(await succeed(...merge('all', '-o', 'all'))).toContain('merged before')
    const all = files('all')
    for (const [name, text] of files('whole')) expect(all.get(name), name).toBe(text)
  })

  test('names the shard that is missing', async () => {
    const [, ...rest] = runs()
    const { code, stderr } = await fail(...merge(...rest, '-o', 'nothing'))
    expect(code).toBe(65)
    expect(stderr).toContain('shard 4 of 4 (contigs_shard_0004.fasta) has no run in the folders given')
    expect(existsSync(folder.join('nothing'))).toBe(false)
  })

  test('names a run that was killed, and takes it once its command was given again', async () => {
    const [last = '', ...rest] = runs()
    const again = 'again'
    const command = ['predict', `shards/${last.slice(5)}.fasta`, '-o', again, ...COMPUTE]
    const child = spawnCli(command, { cwd: folder.path })
    while (!existsSync(folder.join(again, '.virnucpro', last.slice(5), 'run.json'))) await Bun.sleep(1)
    child.kill('SIGKILL')
    await child.exited
    const words = merge(again, ...rest, '-o', 'late')
    const { code, stderr } = await fail(...words)
    expect(code).toBe(65)
    expect(stderr).toContain(`${again}: it was interrupted, or goes on`)
    expect(existsSync(folder.join('late'))).toBe(false)
    await succeed(...command)
    await succeed(...words)
    expect(files('late')).toEqual(files('whole'))
  })

  test('names a run with other settings, another table, or over something else', async () => {
    const [last = '', ...rest] = runs()
    const shard = `shards/${last.slice(5)}.fasta`
    await succeed('predict', shard, '-o', 'longer', ...COMPUTE, '-e', '100', '--sequences-per-file', '7')
    const other = await fail(...merge('longer', ...rest, '-o', 'nothing'))
    expect(other).toMatchObject({ code: 65 })
    expect(other.stderr).toContain('sequencesPerFile: 10000 -> 7')
    expect(other.stderr).toContain('longer cannot be merged with')
    const calls = await fail(...merge(...rest, 'run-one', '-o', 'nothing'))
    expect(calls).toMatchObject({ code: 65 })
    expect(calls.stderr).toContain('run-one is a run over none of the shards')
    const twice = await fail(...merge(...runs(), 'again', '-o', 'nothing'))
    expect(twice.stderr).toContain(`has 2 runs: ${last}, again`)
    await cp(folder.join(last), folder.join('changed'), { recursive: true })
    const table = `changed/${last.slice(5)}_merged/prediction_results.txt`
    writeFileSync(
      folder.join(table),
      `${readFileSync(folder.join(table), 'utf8')}x_chunk_1F1\tvirus\t0.1\t0.9\n`,
    )
    const changed = await fail(...merge('changed', ...rest, '-o', 'nothing'))
    expect(changed).toMatchObject({ code: 65 })
    expect(changed.stderr).toContain(`${table} is not as the run wrote it`)
    rmSync(folder.join(table))
    mkdirSync(folder.join(table))
    const unreadable = await fail(...merge('changed', ...rest, '-o', 'nothing'))
    expect(unreadable.stderr).toContain(`cannot read ${table}`)
    expect(existsSync(folder.join('nothing'))).toBe(false)
  })

  test('touches no file that no run has made, and no other run', async () => {
    const before = files('whole')
    const run = await fail(...merge(...runs(), '-o', 'whole'))
    expect(run).toMatchObject({ code: 64 })
    expect(run.stderr).toContain('holds a run of its own')
    expect(files('whole')).toEqual(before)
    const path = 'mine/contigs_results/contigs.tsv'
    await Bun.write(folder.join(path), 'mine\n')
    const mine = await fail(...merge(...runs(), '-o', 'mine'))
    expect(mine).toMatchObject({ code: 64 })
    expect(mine.stderr).toContain(path)
    expect(readFileSync(folder.join(path), 'utf8')).toBe('mine\n')
  })

  test('refuses changed shards and a changed list', async () => {
    await cp(folder.join('shards'), folder.join('edited'), { recursive: true })
    const shard = folder.join('edited/contigs_shard_0002.fasta')
    writeFileSync(shard, `${readFileSync(shard, 'utf8')}>more\nACGT\n`)
    const changed = await fail('merge', ...runs(), '--manifest', 'edited', '-o', 'nothing')
    expect(changed).toMatchObject({ code: 65 })
    expect(changed.stderr).toContain('edited/contigs_shard_0002.fasta was changed since it was made')
    const list = folder.join('edited/shards.json')
    writeFileSync(list, readFileSync(list, 'utf8').replace('"records": ', '"records": 1'))
    const { code, stderr } = await fail('merge', ...runs(), '--manifest', 'edited', '-o', 'nothing')
    expect({ code, stderr }).toMatchObject({ code: 65 })
    expect(stderr).toContain('edited/shards.json is damaged')
  })
})

describe('shard', () => {
  test('gives the same bytes again, and replaces only what it has made', async () => {
    await cp(folder.join('shards'), folder.join('kept'), { recursive: true })
    const words = ['shard', ...INPUTS, '--shards', '4', '-o', 'kept', ...SKIP]
    const taken = await fail(...words)
    expect(taken).toMatchObject({ code: 73 })
    expect(taken.stderr).toContain('--force')
    await succeed(...words, '--force')
    expect(files('kept')).toEqual(files('shards'))
    writeFileSync(folder.join('kept/mine.txt'), 'mine')
    const mine = await fail(...words, '--force')
    expect(mine).toMatchObject({ code: 73 })
    expect(mine.stderr).toContain('kept/mine.txt')
    expect(readFileSync(folder.join('kept/mine.txt'), 'utf8')).toBe('mine')
  })

  test('leaves nothing behind for an input that is not valid', async () => {
    const { code, stderr } = await fail('shard', 'contigs.fa', '--shards', '2', '-o', 'none')
    expect(code).toBe(65)
    expect(stderr).toContain('contigs.fa:')
    expect(readdirSync(folder.path).filter((name) => name === 'none' || name.endsWith('.tmp'))).toEqual([])
  })

  test.each([
    [[], 'give either --shards or --bases'],
    [['--shards', '2', '--bases', '10'], 'give either --shards or --bases'],
  ])('%j is wrong usage', async (size, problem) => {
    const { code, stderr } = await fail('shard', 'few.fa', ...size, '-o', 'none')
    expect(code).toBe(64)
    expect(stderr).toContain(problem)
  })
})

test('a set of shards has its name when every file in it is on the disk', async () => {
  writeFileSync(folder.join('two.fa'), `>a\n${OPEN}\n>b\n\n>c\n${OPEN}\n`)
  await using handle = await open(folder.join('two.fa'))
  const synced = new Set<number>()
  const sync = spyOn(Object.getPrototypeOf(handle) as FileHandle, 'sync')
  sync.mockImplementation(async function (this: FileHandle) {
    synced.add(fstatSync(this.fd).ino)
  })
  const place = { inputs: [folder.join('two.fa')], outputDir: folder.join('synced'), force: false }
  const policy = { onInvalid: 'skip', duplicateIds: 'skip', allowEmpty: false } as const
  try {
    await shardInputs({ ...place, ...policy, size: { shards: 2 }, gzip: true }, { logger: silent })
  } finally {
    sync.mockRestore()
  }
  const names = readdirSync(folder.join('synced'))
  expect(names.filter((name) => !synced.has(statSync(folder.join('synced', name)).ino))).toEqual([])
  expect(names).toHaveLength(4)
})
