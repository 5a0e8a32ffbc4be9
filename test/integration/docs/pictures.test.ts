import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { architecture } from '../../../scripts/support/architecture.ts'
import { SCHEMES } from '../../../scripts/support/schemes.ts'
import { terminalPicture } from '../../../scripts/support/terminal-picture.ts'

const root = resolve(import.meta.dir, '../../..')
const pictures = join(root, 'docs/pictures')

const PICTURE =
  /<picture>\n {2}<source media="\(prefers-color-scheme: dark\)" srcset="(.*)-dark\.(\w+)">\n {2}<img src="(.*)-light\.(\w+)" width="\d+" alt="(.*)">\n<\/picture>/g

test('pictures are there for light and dark pages, small, and described', () => {
  const used = new Set<string>()
  for (const page of ['README.md', ...new Bun.Glob('docs/**/*.md').scanSync(root)]) {
    const text = readFileSync(join(root, page), 'utf8')
    const found = [...text.matchAll(PICTURE)]
    expect([page, found.length]).toEqual([page, text.split('<img').length - 1])
    for (const [, dark = '', darkEnding, light, lightEnding, description = ''] of found) {
      expect([light, lightEnding]).toEqual([dark, darkEnding])
      const name = join(root, dirname(page), dark)
      for (const scheme of SCHEMES) expect(existsSync(`${name}-${scheme}.${darkEnding}`)).toBe(true)
      expect(description.length).toBeGreaterThan(80)
      used.add(name)
    }
  }
  for (const file of readdirSync(pictures)) {
    expect([...used].some((name) => join(pictures, file).startsWith(`${name}-`))).toBe(true)
    expect(statSync(join(pictures, file)).size).toBeLessThan(160_000)
  }
})

test('the diagram is as the program draws it', () => {
  for (const scheme of SCHEMES)
    expect(readFileSync(join(pictures, `architecture-${scheme}.svg`), 'utf8')).toBe(architecture(scheme))
})

test('a screen becomes text in its colours, each word in its column', () => {
  const picture = terminalPicture('\x1b[1mReading\x1b[0m  [\x1b[32m###\x1b[39m ] <3 %\nend', 'dark')
  expect(picture).toContain('textLength="56" font-weight="bold">Reading</text>')
  expect(picture).toMatch(/<text x="92" [^>]*fill="#5cc98b">###<\/text>/)
  expect(picture).toContain('&lt;3 %')
  expect(picture).not.toContain('\x1b')
})
