import { expect, test } from 'bun:test'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { beginFolder, isLeftover, removeUnfinished } from '../../../src/system/replace-folder.ts'

const MARK = '.virnucpro-unfinished.json'

test('a folder whose maker was killed before it had its mark is left over, one with its mark is not', async () => {
  using parent = temporaryFolder()
  const killed = ['', '{"output":"x","pi'].map((text, i) => {
    const path = parent.join(`.virnucpro-${`${i}`.repeat(32)}.tmp`)
    mkdirSync(path)
    writeFileSync(join(path, `${MARK}.new`), text)
    return path
  })
  const made = await beginFolder(parent.join('bundle'))
  for (const path of killed) {
    expect(await isLeftover(path)).toBe(true)
    await removeUnfinished(path)
  }
  expect(await isLeftover(made)).toBe(false)
  expect(readdirSync(parent.path)).toHaveLength(1)
})
