import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { allFigures } from '../../../bench/figures.ts'
import { repository } from '../../support/cli.ts'

/** Pages that quote figures; the tables of docs/reference/performance.md are made from them. */
const pages = [
  'README.md',
  ...new Bun.Glob('docs/{tutorials,how-to,explanation}/*.md').scanSync(repository),
].sort()

/** Numbers with units that nobody has measured, or that any reader can see, and what they are. */
const NOT_MEASURED: readonly (readonly [text: RegExp, what: string])[] = [
  [/133 MB (of features )?each/, 'a window: 10,000 frames of 3,328 numbers'],
  [/10 kB for (each frame|a protein)/, 'an embedding: 2,560 numbers, or 768'],
  [/3 MB for a million frames/, 'follows from the layout of the index'],
  [/up to 10 GB, in the order/, 'the default of an option'],
  [/1\.25 times the largest difference/, 'a factor that was chosen'],
  [/In every run 1 % of the sequences/, 'a share that was chosen'],
  [/every 10 s that it lives|after 60 s without/, 'an interval that was chosen'],
  [/250 MB for 10,000 bases/, 'the square of the tokens, for each head'],
  [/within 0\.5 % of your GPU/, 'a threshold that was chosen'],
  [/up to 64 MB of text/, 'a limit that was chosen'],
  [/more than 20 GB, and the time counts/, "the size of NVIDIA's image"],
  [/some 32 MB of text/, 'a limit that was chosen'],
  [/downloads at 30 MB\/s/, 'an assumption'],
  [/11\.4 GB in FP32/, 'three billion numbers of four bytes'],
  [/some 35 GB of disk/, 'the sum of what set-up prints'],
]

const NUMBER = String.raw`\d[\d,]*(?:\.\d+)?`
const UNIT = String.raw`(?:s|ms|min|h|hours|minutes|seconds|[kMGT]i?B|[kMG]i?B\/s|%|×|tokens\/s|reads\/s|frames\/s|times(?= as| faster| slower| the| its))`
const QUOTED = new RegExp(String.raw`(?<![\w.,-])${NUMBER} ?${UNIT}(?![\w/])`)
const MARKER = /(\d[\d,]*(?:\.\d+)?) ?([^\d\s<]*)((?: (\d+) s)?) ?<!-- figure: (\S+) -->/g

const sentencesOf = (page: string) =>
  readFileSync(join(repository, page), 'utf8')
    .replace(/^ *```.*?^ *```/gms, '')
    .replaceAll(MARKER, 'a figure')
    .replace(/`[^`\n]*`/g, '')
    .split(/\n{2,}|\n(?=[*|-] )|(?<=[.;:]) /)
    .map((text) => text.replaceAll('\n', ' '))

test('every quoted figure is the one on record, as far as it is written out', async () => {
  const figures = await allFigures()
  const wrong: string[] = []
  let found = 0
  for (const page of pages)
    for (const [text, number = '', unit = '', , seconds, name = ''] of readFileSync(
      join(repository, page),
      'utf8',
    ).matchAll(MARKER)) {
      found++
      const figure = figures.get(name)
      const decimals = number.split('.')[1]?.length ?? 0
      const plain = Number(number.replaceAll(',', ''))
      const value = unit === 'min' ? 60 * plain + Number(seconds ?? 0) : plain
      const shown = figure && Number(figure.value.toFixed(decimals))
      if (shown !== value) wrong.push(`${page}: ${text}: on record is ${figure?.value ?? 'nothing'}`)
    }
  expect(wrong).toEqual([])
  expect(found).toBeGreaterThan(2)
})

test('each number that is not measured is still quoted', () => {
  const all = pages.flatMap(sentencesOf)
  expect(NOT_MEASURED.filter(([known]) => !all.some((text) => known.test(text)))).toEqual([])
})

test('every measured number has a source: a figure on record, or the decision that it is from', () => {
  const silent = pages.flatMap((page) =>
    sentencesOf(page)
      .filter((text) => QUOTED.test(text))
      .filter((text) => !/\]\([^)]*(?:adr\/|performance\.md)/.test(text))
      .filter((text) => !NOT_MEASURED.some(([known]) => known.test(text)))
      .map((text) => `${page}: ${text}`),
  )
  expect(silent).toEqual([])
})
