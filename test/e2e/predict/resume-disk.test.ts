import { expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { predictHere } from './resume-inprocess.ts'
import { computed, differences, type Ended, outputs, run, smallRun, sum } from './resume-support.ts'

setDefaultTimeout(180_000)

/** The file a failed run named, its numbers taken off: one name for each place that writes. */
function site({ messages }: Ended): string {
  const path = /error: cannot write (.*?): /.exec(messages)?.[1] ?? `no file named in: ${messages}`
  return basename(path).replaceAll(/\d+/g, 'N')
}

/** Nothing under a final name but whole files: what is there is there to stay. */
function checkNothingHalfWritten(output: string, expected: Map<string, Buffer>): void {
  if (!existsSync(output)) return
  for (const [name, bytes] of outputs(output)) {
    if (basename(name).startsWith('.')) continue
    expect({ name, whole: expected.get(name)?.equals(bytes) }).toEqual({ name, whole: true })
  }
}

function checkFailure(ended: Ended, reason: string): void {
  expect({ code: ended.code, messages: ended.messages }).toMatchObject({ code: 74 })
  expect(ended.messages).toContain(reason)
  expect(ended.messages).not.toContain('defect')
}

test('a limit on the size of files stops the run with the reason, and nothing is lost', async () => {
  await using folder = temporaryFolder()
  const command = await smallRun(folder.path)
  const words = (output: string) => [...command(output), '--keep-intermediate']
  const first = await run(words(folder.join('whole')))
  const expected = outputs(folder.join('whole'))
  const output = folder.join('output')
  const sites = new Set<string>()
  const messages: string[] = []
  for (const kibibytes of [0, 1, 2, 3, 4, 6, 10, 16, 24, 40, 64]) {
    const ended = await run(words(output), { shell: `trap '' XFSZ; ulimit -f ${kibibytes}` })
    messages.push(ended.messages)
    if (ended.code === 0) break
    checkFailure(ended, 'larger than the file system or the limit of this process')
    sites.add(site(ended))
    checkNothingHalfWritten(output, expected)
  }
  const last = await run(words(output))
  expect(last.code).toBe(0)
  expect(differences(outputs(output), expected)).toEqual([])
  console.log(`limits met at: ${[...sites].join(', ')}`)
  expect(sites.size).toBeGreaterThanOrEqual(3)
  // Batches of a run that fails are kept as well, but for those that could not be written.
  const all = computed([...messages, last.messages].join(''))
  expect(sum(all.esm2)).toBeLessThan(3 * sum(computed(first.messages).esm2))
})

test('wherever something takes a name of the run meanwhile, it stops and says where, harms nothing and can go on', async () => {
  await using folder = temporaryFolder()
  await smallRun(folder.path)
  const input = folder.join('reads.fa')
  expect((await predictHere(input, folder.join('whole'), { layout: 'broad' })).error).toBeUndefined()
  const expected = outputs(folder.join('whole'))
  // In the order in which a run comes to them.
  const places = [
    'reads_nucleotide/output_2.fa',
    'reads_protein/output_2.fa',
    '.virnucpro/reads/work/part_000003.scores',
    'reads_nucleotide/output_4_DNABERT_S.pt',
    'reads_nucleotide/output_4_DNABERT_S.pt.done',
    'reads_protein/output_4_ESM.pt',
    'reads_merged/output_4_merged.pt',
    'reads_chunked300.fa',
    'reads_nucleotide.fa',
    'reads_protein.faa',
    'reads_merged/prediction_results.txt',
    'reads_merged/prediction_results_highestscore.csv',
    'reads_merged/DEMONSTRATION.txt',
  ]
  const output = folder.join('output')
  for (const [i, place] of places.entries()) {
    const obstacle = join(output, place)
    // Once the run has looked at the names that are taken, and before it comes to this one.
    const begun = setInterval(() => {
      if (!existsSync(join(output, '.virnucpro', 'reads.lock'))) return
      const started = readdirSync(output, { recursive: true, encoding: 'utf8' }).some((name) =>
        name.endsWith('.tmp'),
      )
      if (!started || existsSync(obstacle)) return
      clearInterval(begun)
      mkdirSync(dirname(obstacle), { recursive: true })
      if (i % 2 === 0) writeFileSync(obstacle, 'mine')
      else mkdirSync(obstacle)
    }, 0)
    const failed = await predictHere(input, output, { layout: 'broad' })
    clearInterval(begun)
    expect({ place, message: failed.error?.message }).toMatchObject({
      message: expect.stringContaining('no run of this program has recorded it'),
    })
    expect(failed.error?.message).toContain(place)
    if (i % 2 === 0) expect(readFileSync(obstacle, 'utf8')).toBe('mine')
    rmSync(obstacle, { recursive: true })
    checkNothingHalfWritten(output, expected)
  }
  const last = await predictHere(input, output, { layout: 'broad' })
  expect(last.error).toBeUndefined()
  expect(differences(outputs(output), expected)).toEqual([])
})

/** A small file system of its own, where this process may mount one. */
function smallDisk(path: string, kibibytes: number): boolean {
  mkdirSync(path, { recursive: true })
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', path]).status === 0
}

const mount = (...words: string[]) => spawnSync('mount', words).status

test('a full disk stops the run with the reason; with more space it goes on and ends the same', async () => {
  await using folder = temporaryFolder()
  const disk = folder.join('disk')
  if (!smallDisk(disk, 8)) {
    console.warn('no file system could be mounted here: the full disk is not tested')
    return
  }
  try {
    const command = await smallRun(folder.path)
    const words = (output: string) => [...command(output), '--keep-intermediate']
    expect(await run(words(folder.join('whole')))).toMatchObject({ code: 0 })
    const expected = outputs(folder.join('whole'))
    const output = join(disk, 'output')
    const sites = new Set<string>()
    let kibibytes = 8
    for (;;) {
      const ended = await run(words(output))
      if (ended.code === 0) break
      checkFailure(ended, 'the disk is full; free some space')
      sites.add(site(ended))
      checkNothingHalfWritten(output, expected)
      kibibytes = Math.ceil(kibibytes * 1.3 + 8)
      expect(mount('-o', `remount,size=${kibibytes}k`, disk)).toBe(0)
      expect(kibibytes).toBeLessThan(100_000)
    }
    expect(differences(outputs(output), expected)).toEqual([])
    console.log(`disk full at: ${[...sites].join(', ')}`)
    expect(sites.size).toBeGreaterThanOrEqual(4)

    expect(mount('-o', 'remount,ro', disk)).toBe(0)
    const refused = await run(words(join(disk, 'other')))
    expect(refused.code).toBe(73)
    expect(refused.messages).toContain('the file system is read-only; choose another output folder')
  } finally {
    spawnSync('umount', ['-l', disk])
  }
})

test('an output folder that vanishes stops the run, which goes on once it is back', async () => {
  await using folder = temporaryFolder()
  await smallRun(folder.path)
  const input = folder.join('reads.fa')
  expect((await predictHere(input, folder.join('whole'))).error).toBeUndefined()
  const output = folder.join('output')
  const controller = new AbortController()
  const scores = join(output, '.virnucpro', 'reads', 'work', 'part_000002.scores')
  const watch = setInterval(() => {
    if (!existsSync(scores)) return
    clearInterval(watch)
    renameSync(output, `${output}.away`)
  }, 1)
  const { error } = await predictHere(input, output, {}, controller.signal)
  expect(error?.message).toMatch(/vanished/)
  expect(existsSync(join(output, 'reads_merged', 'prediction_results.txt'))).toBe(false)
  rmSync(output, { recursive: true, force: true })
  renameSync(`${output}.away`, output)
  const { error: none, log } = await predictHere(input, output)
  expect(none).toBeUndefined()
  expect(computed(log)).toEqual({ esm2: [], dnabert_s: [] })
  expect(differences(outputs(output), outputs(folder.join('whole')))).toEqual([])
  expect(readdirSync(join(output, '.virnucpro'))).toEqual(['reads'])
})
