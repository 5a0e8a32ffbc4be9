import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { CONTIGS, DEMO, homeWith, IDS } from './support.ts'

const { checksum: _, ...manifest } = JSON.parse(readFileSync(join(DEMO, 'manifest.json'), 'utf8'))

test('every command that takes a bundle takes the default one of the home', async () => {
  using at = homeWith(IDS, IDS[1])
  rmSync(at.at('bundles', IDS[0], 'manifest.json'))
  const shown = await at.run('models', 'show')
  expect(JSON.parse(shown.stdout)).toEqual(manifest)
  expect((await at.run('models', 'verify')).stderr).toContain(`${IDS[1]}: every file is as it was imported`)
  expect(await at.run('verify', '--sequences', '2')).toMatchObject({ code: 0 })
  expect(await at.run('repository', 'build', '--backend', 'python', '-o', 'r')).toMatchObject({ code: 0 })
  expect(existsSync(at.folder.join('r/esm2/config.pbtxt'))).toBe(true)
  const named = await at.run('predict', CONTIGS, '-o', 'named', '--bundle', 'demo')
  const predicted = await at.run('predict', CONTIGS, '-o', 'own')
  expect([named.code, predicted.code]).toEqual([0, 0])
  const table = (name: string) =>
    readFileSync(at.folder.join(name, 'contigs_merged/prediction_results.txt'), 'utf8')
  expect(table('own')).toBe(table('named'))
})

test('a bundle of the home has a name, and the beginning of it will do', async () => {
  using at = homeWith(IDS)
  expect(await at.run('models', 'show', 'aaaa2')).toMatchObject({ code: 0 })
  expect(await at.run('models', 'show', IDS[0])).toMatchObject({ code: 0 })
  const several = await at.run('models', 'show', 'aaaa')
  expect(several).toMatchObject({ code: 64, stdout: '' })
  expect(several.stderr).toContain(IDS.join(', '))
  expect(await at.run('models', 'show', 'aaa')).toMatchObject({ code: 66 })
  expect(await at.run('predict', CONTIGS, '--bundle', 'beef')).toMatchObject({ code: 66 })
  // A folder of that name is what was meant.
  mkdirSync(at.folder.join('aaaa2'))
  expect((await at.run('models', 'show', 'aaaa2')).stderr).toContain(
    `${at.folder.join('aaaa2')} is not a bundle`,
  )
})

test('without a default the only bundle is it; several, none and a lost one are said', async () => {
  using only = homeWith([IDS[0]])
  expect(await only.run('models', 'show')).toMatchObject({ code: 0 })
  using several = homeWith(IDS)
  const unclear = await several.run('models', 'show')
  expect(unclear.code).toBe(64)
  expect(unclear.stderr).toContain('virnucpro models default ID')
  using none = homeWith([])
  const nothing = await none.run('models', 'verify')
  expect(nothing.code).toBe(64)
  expect(nothing.stderr).toContain('virnucpro setup')
  using lost = homeWith([IDS[0]], IDS[1])
  const gone = await lost.run('models', 'show')
  expect(gone.code).toBe(66)
  expect(gone.stderr).toContain(`${IDS[1]}, is not there`)
})

test('a log file is never a file of the home', async () => {
  using at = homeWith([IDS[0]])
  const files = ['home.json', 'locks/x.log', `bundles/${IDS[0]}/manifest.json`]
  symlinkSync(at.at('bundles'), at.folder.join('link'))
  for (const path of [...files.map((name) => at.at(name)), at.folder.join('link/new.log')]) {
    const { code, stderr } = await at.run('predict', CONTIGS, '-o', 'out', '-l', path)
    expect(stderr).toContain('a file of the home')
    expect(code).toBe(64)
  }
  expect(await at.run('models', 'verify')).toMatchObject({ code: 0 })
  expect(await at.run('models', 'verify', '-l', at.at('own.log'))).toMatchObject({ code: 0 })
})

test('a record of the home that is a folder is said to be damaged, by every command that needs it', async () => {
  using at = homeWith([IDS[0]])
  mkdirSync(at.at('home.json'))
  for (const words of [
    ['models', 'list'],
    ['home', 'show'],
    ['predict', CONTIGS, '-o', 'out'],
  ]) {
    const { code, stderr } = await at.run(...words)
    expect(stderr).toContain(`${at.at('home.json')}, which holds what was set up, is damaged: it is a folder`)
    expect(code).toBe(65)
  }
})
