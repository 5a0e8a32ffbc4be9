import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository, resultOf, spawnCli } from '../../support/cli.ts'
import { SEED } from '../../support/faults/seed.ts'
import { type CallFault, withFailingCalls } from '../../support/faults/syscalls.ts'
import { hasFaultTools } from '../../support/faults/tools.ts'
import { differences, outputs } from '../predict/resume-support.ts'

setDefaultTimeout(300_000)

/** More rounds for a look by hand. */
const ROUNDS = Number(process.env.VIRNUCPRO_TEST_STEPS ?? 1)

/** Calls of a run that fail, an error for each, which of them at most, and what is said. */
const FAILURES: readonly (readonly [calls: string, error: string, most: number, said: RegExp])[] = [
  ['fsync', 'EIO', 10, /the file system does not answer \(EIO\); check the disk or the mount/],
  ['fdatasync', 'EIO', 5, /the file system does not answer \(EIO\); check the disk or the mount/],
  ['pwrite64', 'EDQUOT', 60, /the disk quota is used up; free some space/],
  [
    'link,unlink',
    'ESTALE',
    20,
    /the file system does not answer \((ESTALE|EFAULT)\); check the disk or the mount/,
  ],
  // The name is given, and its temporary twin stays. Bun has another name for some errors of removing.
  ['unlink', 'EIO', 6, /the file system does not answer \((EIO|EFAULT)\); check the disk or the mount/],
  ['link', 'EIO', 8, /the file system does not answer \(EIO\); check the disk or the mount/],
]

describe.skipIf(!hasFaultTools)('a disk that fails', () => {
  const folder = temporaryFolder()
  const input = folder.join('in.fa')
  const random = randomSource(SEED)
  let expected = new Map<string, Buffer>()

  const start = (name: string, fault?: CallFault) => {
    const options =
      '--bundle demo --sequences-per-file 11 --token-budget 512 --no-progress --keep-intermediate'
    return resultOf(
      spawnCli(['predict', input, '-o', folder.join(name), ...options.split(' ')], {
        ...(fault === undefined ? {} : { within: withFailingCalls(fault) }),
        env: { NO_COLOR: '1' },
      }),
    )
  }
  const checkEnd = ({ code, stderr }: Awaited<ReturnType<typeof start>>, name: string) => {
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(differences(outputs(folder.join(name)), expected)).toEqual([])
    const all = readdirSync(folder.join(name), { recursive: true, encoding: 'utf8' })
    expect(all.filter((file) => file.endsWith('.tmp'))).toEqual([])
  }

  beforeAll(async () => {
    console.log(`seed ${SEED}`)
    writeFileSync(input, randomFasta(1, 24))
    expect((await start('whole')).code).toBe(0)
    expected = outputs(folder.join('whole'))
  })
  afterAll(() => folder[Symbol.asyncDispose]())

  test('stops a run with the reason, one failure after the other; the same command ends it right', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      rmSync(folder.join('failing'), { recursive: true, force: true })
      let failed = 0
      for (const [calls, error, most, said] of FAILURES) {
        const when = 1 + Math.floor(random() * most)
        const { code, stderr } = await start('failing', { calls, fault: error, when: String(when) })
        if (code === 0) {
          // No thread has come to that call, or it was one that a run does not depend on.
          checkEnd({ code, stderr, stdout: '' }, 'failing')
          rmSync(folder.join('failing'), { recursive: true })
          continue
        }
        failed++
        expect({ calls, error, when, code, stderr }).toMatchObject({ code: 74 })
        expect(stderr.match(/^error: .*/gm)).toHaveLength(1)
        expect(stderr).toMatch(said)
      }
      expect(failed).toBeGreaterThan(1)
      checkEnd(await start('failing'), 'failing')
    }
  })

  test('for good in mid-run, or to read the input, is one error as well', async () => {
    const when = `${10 + Math.floor(random() * 30)}+`
    const gone = await start('gone', { calls: 'pwrite64,fsync,link', fault: 'EROFS', when })
    expect(gone.stderr).toContain('the file system is read-only')
    expect({ when, code: gone.code }).toEqual({ when, code: 73 })
    const unread = await start('gone', { calls: 'read,pread64', fault: 'EIO', path: input })
    expect(unread.stderr).toMatch(
      /error: .*in\.fa: cannot be read: the file system does not answer \(EIO\); check the disk/,
    )
    expect(unread.code).toBe(74)
    checkEnd(await start('gone'), 'gone')
  })

  test('and lets nothing be removed: the first failure is the one that is said', async () => {
    const fault = { calls: 'rename,unlink', fault: 'ESTALE', when: '1+' }
    const { code, stderr } = await resultOf(
      spawnCli(['shard', input, '--shards', '3', '-o', folder.join('shards')], {
        within: withFailingCalls(fault),
        env: { NO_COLOR: '1' },
      }),
    )
    expect(stderr).toMatch(/^error: cannot write .*: the file system does not answer .*\n$/)
    expect(code).toBe(74)
    expect(existsSync(folder.join('shards'))).toBe(false)
    // The program's own files may be on that disk as well.
    const command = join(repository, 'src/cli/commands/shard.ts')
    const unread = await resultOf(
      spawnCli(['shard', input, '--shards', '3', '-o', folder.join('shards')], {
        within: withFailingCalls({ calls: 'open,openat', fault: 'EIO', path: command }),
        env: { NO_COLOR: '1' },
      }),
    )
    expect(unread).toMatchObject({
      code: 74,
      stderr: expect.stringContaining(`error: cannot read ${command}: the file system does not answer (EIO)`),
    })
  })

  test('or is slow, as one on a network: a run takes its time, and no server or GPU is said to be at fault', async () => {
    const ended = await start('slow', { calls: 'fsync,fdatasync', fault: 1500, when: '20+60' })
    checkEnd(ended, 'slow')
    expect(ended.stderr.match(/^warning: .*/gm)).toEqual([
      expect.stringContaining('DEMONSTRATION: made with random models'),
    ])
  })
})
