import { expect, test } from 'bun:test'
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { LockedError, RunLock } from '../../../src/checkpoint/index.ts'
import { sealed } from '../../../src/system/sealed.ts'

/** The text of a lock, its checksum right. */
function asLock({ checksum: _, ...owner }: Record<string, unknown>): string {
  return sealed(owner)
}

const door = resolve(import.meta.dir, '../../../src/checkpoint/index.ts')

/** A process that takes the lock and says so; it then lives until its input ends. */
function holder(path: string) {
  const program = `
    const { RunLock } = await import(${JSON.stringify(door)})
    try {
      const lock = await RunLock.acquire(${JSON.stringify(path)})
      console.log('held')
      await Bun.stdin.text()
      await lock[Symbol.asyncDispose]()
    } catch (error) { console.log(error.name) }`
  const child = Bun.spawn([process.execPath, '-e', program], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  return { child, said: async () => ((await reader.read()).value ?? '').trim() }
}

/** What a process leaves that is killed while it holds the lock. */
async function deadLock(path: string): Promise<string> {
  const { child, said } = holder(path)
  expect(await said()).toBe('held')
  child.kill('SIGKILL')
  await child.exited
  return readFileSync(path, 'utf8')
}

test('the second is refused and told who the first is; after its end the way is free', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('new', 'state', 'run.lock')
  {
    await using _first = await RunLock.acquire(path)
    const refused = await RunLock.acquire(path).catch((error) => error)
    expect(refused).toBeInstanceOf(LockedError)
    expect(refused.message).toContain(`process ${process.pid} on ${hostname()}, running since 20`)
    expect(refused.kind).toBe('tryAgain')
    const { child, said } = holder(path)
    expect(await said()).toBe('LockedError')
    await child.exited
    expect(readdirSync(dirname(path))).toEqual(['run.lock'])
  }
  // Nothing else is there: the folders made for the lock went with it.
  expect(readdirSync(folder.path)).toEqual([])
})

test('the lock of a killed process is taken over at once', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('run.lock')
  await deadLock(path)
  await using _lock = await RunLock.acquire(path)
  expect(JSON.parse(readFileSync(path, 'utf8')).pid).toBe(process.pid)
  expect(readdirSync(folder.path)).toEqual(['run.lock'])
})

test('a process that has got the number of a dead one does not count as it', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('run.lock')
  const dead = JSON.parse(await deadLock(path))
  writeFileSync(path, asLock({ ...dead, pid: process.pid }))
  await using _lock = await RunLock.acquire(path)
})

test('a holder on another machine counts as dead only when it has shown no life for long', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('run.lock')
  const away = {
    token: 'a',
    pid: 1,
    host: 'node7',
    started: '5',
    place: 'elsewhere',
    since: '2026-01-01T00:00:00Z',
  }
  for (const content of [asLock(away), '']) {
    writeFileSync(path, content)
    const refused = await RunLock.acquire(path).catch((error) => error)
    expect(refused).toBeInstanceOf(LockedError)
    expect(refused.message).toContain(content === '' ? 'an unknown process' : 'process 1 on node7')
    const before = Date.now() / 1000 - 90
    utimesSync(path, before, before)
    await (await RunLock.acquire(path))[Symbol.asyncDispose]()
    expect(readdirSync(folder.path)).toEqual([])
  }
})

test('of many who find a dead holder one inherits, also where an heir has died', async () => {
  await using folder = temporaryFolder()
  for (let round = 0; round < 30; round++) {
    const path = folder.join(`${round}.lock`)
    const first = await deadLockCopy(folder.path, path, round)
    const attempts = Array.from({ length: 12 }, () => RunLock.acquire(path))
    const results = await Promise.allSettled(attempts)
    const winners = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(winners).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(LockedError)
    expect(readFileSync(path, 'utf8')).not.toBe(first)
    for (const winner of winners) await winner[Symbol.asyncDispose]()
    expect(readdirSync(folder.path).filter((name) => name.startsWith(`${round}.`))).toEqual([])
  }
})

let dead: string | undefined
/** Locks of dead processes without starting one each time; every second with an heir that died as well. */
async function deadLockCopy(folder: string, path: string, round: number): Promise<string> {
  if (dead === undefined) {
    dead = await deadLock(`${folder}/dead`)
    rmSync(`${folder}/dead`)
  }
  const owner = { ...JSON.parse(dead), token: `dead${round}` }
  writeFileSync(path, asLock(owner))
  if (round % 2 === 1)
    writeFileSync(`${path}.after.dead${round}`, asLock({ ...owner, token: `heir${round}` }))
  return readFileSync(path, 'utf8')
}

test('processes that all want a dead lock hold it one at a time', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('run.lock')
  await deadLock(path)
  const holders = Array.from({ length: 6 }, () => holder(path))
  const said = await Promise.all(holders.map((one) => one.said()))
  expect(said.filter((word) => word === 'held')).toHaveLength(1)
  for (const { child } of holders) {
    child.stdin.end()
    await child.exited
  }
  expect(readdirSync(folder.path)).toEqual([])
})

test('what a process leaves that is killed before it has written its lock goes with the next lock', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('run.lock')
  for (const content of ['', '{"tok']) {
    writeFileSync(`${path}.new.f1`, content)
    await (await RunLock.acquire(path))[Symbol.asyncDispose]()
    expect(readdirSync(folder.path)).toEqual([])
  }
})

test('a lock whose unfinished file is taken for such a leftover is written again', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('run.lock')
  let removed = 0
  const timer = setInterval(() => {
    for (const name of readdirSync(folder.path))
      if (name.includes('.new.') && removed < 40) {
        rmSync(folder.join(name), { force: true })
        removed++
      }
  }, 0)
  for (let round = 0; round < 40; round++) await (await RunLock.acquire(path))[Symbol.asyncDispose]()
  clearInterval(timer)
  expect(removed).toBeGreaterThan(0)
  expect(readdirSync(folder.path)).toEqual([])
})

test('a run that has lost its lock is stopped, and leaves the new lock alone', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('run.lock')
  for (const replace of [false, true]) {
    const lock = await RunLock.acquire(path, { heartbeatMs: 5 })
    const lost = new Promise<void>((done) => lock.signal.addEventListener('abort', () => done()))
    if (replace) {
      writeFileSync(`${path}.other`, asLock({ ...JSON.parse(readFileSync(path, 'utf8')), token: 'other' }))
      renameSync(`${path}.other`, path)
    } else rmSync(path)
    await lost
    expect(lock.signal.reason.message).toContain('has vanished or was taken by another run')
    await lock[Symbol.asyncDispose]()
    expect(readdirSync(folder.path)).toEqual(replace ? ['run.lock'] : [])
  }
})

test('the holder shows that it lives', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('run.lock')
  await using _lock = await RunLock.acquire(path, { heartbeatMs: 5 })
  linkSync(path, folder.join('same'))
  const long = new Date('2020-01-01')
  utimesSync(path, long, long)
  const { stat } = await import('node:fs/promises')
  while ((await stat(path)).mtime.getTime() === long.getTime()) await Bun.sleep(2)
  expect(JSON.parse(readFileSync(path, 'utf8')).pid).toBe(process.pid)
})

test('a flipped bit makes a lock one of an unknown process, which holds while it shows itself', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('flipped.lock')
  const text = Buffer.from(await deadLock(path))
  for (let bit = 0; bit < 8 * text.length; bit += 37) {
    const bytes = Buffer.from(text)
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
    writeFileSync(path, bytes)
    const refused = await RunLock.acquire(path).catch((error) => error)
    expect({ bit, owner: refused.owner, name: refused.name }).toEqual({
      bit,
      owner: undefined,
      name: 'LockedError',
    })
  }
})
