import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { FileRecord } from '../../../src/checkpoint/index.ts'
import { AtomicFile, writeAtomically } from '../../../src/system/atomic.ts'
import { keepFiles, removeFile, temporaryFileIn } from '../../../src/system/kept-files.ts'

test('what was unfinished in a folder that is moved away and back is removed by the next start', async () => {
  await using folder = temporaryFolder()
  const root = folder.join('output')
  const state = folder.join('output/.virnucpro/reads')
  mkdirSync(state, { recursive: true })
  const place = { root, state, covers: (path: string) => path.startsWith(root) }
  {
    using record = await FileRecord.open(place)
    using _kept = keepFiles(record)
    await writeAtomically(folder.join('output/table.tsv'), 'whole\n')
    await using file = await AtomicFile.create(folder.join('output/other.tsv'))
    await file.write('half')
    await using copy = temporaryFileIn(root)
    await Bun.write(copy.path, 'a copy')
    renameSync(root, `${root}.away`)
  }
  expect(existsSync(root)).toBe(false)
  renameSync(`${root}.away`, root)
  expect(readdirSync(root).filter((name) => name.endsWith('.tmp'))).toHaveLength(2)
  using record = await FileRecord.open(place)
  expect(record.owns(folder.join('output/table.tsv'))).toBe(true)
  expect(readdirSync(root).sort()).toEqual(['.virnucpro', 'table.tsv'])
})

test('a folder that is moved away while a file gets its name holds nothing of somebody else once it is back', async () => {
  await using folder = temporaryFolder()
  const root = folder.join('output')
  const state = folder.join('output/.virnucpro/reads')
  const path = folder.join('output/table.tsv')
  mkdirSync(state, { recursive: true })
  const place = { root, state, covers: (each: string) => each.startsWith(root) }
  {
    using record = await FileRecord.open(place)
    // Asked last before the file gets its name: this thread waits for the name, and is ahead of what comes after it.
    const moveOnceNamed = () => {
      const end = Date.now() + 5000
      while (!existsSync(path) && Date.now() < end);
      renameSync(root, `${root}.away`)
    }
    using _kept = keepFiles({
      covers: (each) => record.covers(each),
      note: (...words) => record.note(...words),
      sync: () => record.sync(),
      owns(each) {
        queueMicrotask(moveOnceNamed)
        return record.owns(each)
      },
    })
    expect(await writeAtomically(path, 'whole\n').catch(({ message }) => message)).toContain('vanished')
  }
  renameSync(`${root}.away`, root)
  expect(readdirSync(root)).toHaveLength(3)
  using record = await FileRecord.open(place)
  expect(record.owns(path)).toBe(true)
  expect(readdirSync(root).sort()).toEqual(['.virnucpro', 'table.tsv'])
})

test('a file whose folder is moved away while it is removed is still of the run once the folder is back', async () => {
  await using folder = temporaryFolder()
  const root = folder.join('output')
  const state = folder.join('output/.virnucpro/reads')
  const path = folder.join('output/table.tsv')
  mkdirSync(state, { recursive: true })
  const place = { root, state, covers: (each: string) => each.startsWith(root) }
  {
    using record = await FileRecord.open(place)
    using _kept = keepFiles(record)
    await writeAtomically(path, 'whole\n')
    using _mover = keepFiles({
      covers: (each) => each === path,
      owns: (each) => record.owns(each),
      sync: () => record.sync(),
      note: (action) => action === 'go' && renameSync(root, `${root}.away`),
    })
    await removeFile(path)
  }
  renameSync(`${root}.away`, root)
  using record = await FileRecord.open(place)
  expect(record.owns(path)).toBe(true)
  await record.remove((each) => each === path)
  expect(readdirSync(root)).toEqual(['.virnucpro'])
})
