import { expect } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { readManifest, readPartRows, readPrecisions } from '../../../src/checkpoint/index.ts'
import { mutated } from '../mutations.ts'
import { edited } from '../references/json-edits.ts'
import { isSubset } from '../references/json-values.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

type Value = Record<string, unknown>

const digest = (letter: string) => letter.repeat(64)

const MANIFEST = {
  format: 1,
  version: '0.2.0',
  status: 'unfinished',
  inputs: [
    { path: 'a.fasta', bytes: 12, sha256: digest('a') },
    { path: '-', bytes: null, sha256: null },
  ],
  settings: { chunkLength: 500, layout: 'vanilla', keepIntermediate: false },
  models: digest('b'),
  reuse: 1e10,
}
const FINISHED = {
  ...MANIFEST,
  status: 'finished',
  adopted: true,
  merged: digest('c'),
  result: { records: 3 },
  tables: { 'a.tsv': digest('d') },
  derived: { rule: '{}', files: { 'b.tsv': digest('e') } },
}
const ROWS = {
  content: digest('a'),
  ids: ['x', 'y'],
  columns: { length: [1, 2], name: ['a', 'b'] },
  keys: { esm2: 'AAAA' },
  failed: [1],
}
const FRAMES = Uint8Array.of(1, 0, 255)
const PRECISIONS = {
  quantized: 'fp8',
  rechecked: 'bf16',
  rule: '{}',
  frames: deflateRawSync(FRAMES).toString('base64'),
}

const sha = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex')
const sealed = (value: object) => JSON.stringify({ ...value, checksum: sha(value) })

/** What a sealed text holds, by JSON.parse and the checksum alone. */
function opened(text: string): { value: Value; isSealed: boolean } | undefined {
  let value: Value
  try {
    value = JSON.parse(text) as Value
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { checksum, ...rest } = value
  if (checksum !== undefined && checksum !== sha(rest)) return undefined
  return { value: rest, isSealed: checksum !== undefined }
}

/** What the schemas of our reader leave out of tables, since it could change other objects. */
const LEFT_OUT = ['__proto__', 'prototype', 'constructor']

/** A list is a table with numbers for names. */
const isTable = (value: unknown, isRight: (each: unknown) => boolean) =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).every(([key, each]) => LEFT_OUT.includes(key) || isRight(each))
const isList = (value: unknown, isRight: (each: unknown) => boolean) =>
  Array.isArray(value) && value.every(isRight)
const isText = (value: unknown) => typeof value === 'string'
const isNumber = (value: unknown) => typeof value === 'number'
const orNot = (value: unknown, isRight: (each: unknown) => boolean) => value === undefined || isRight(value)
const orNull = (value: unknown, isRight: (each: unknown) => boolean) => value === null || isRight(value)

function isManifest(value: Value): boolean {
  const {
    format,
    version,
    status,
    inputs,
    settings,
    models,
    reuse,
    adopted,
    merged,
    result,
    tables,
    derived,
  } = value
  const isInput = (each: unknown) => {
    const { path, bytes, sha256 } = (each ?? {}) as Value
    return isText(path) && orNull(bytes, isNumber) && orNull(sha256, isText)
  }
  return (
    format === 1 &&
    isText(version) &&
    (status === 'unfinished' || status === 'finished') &&
    isList(inputs, isInput) &&
    isTable(settings, (each) => ['string', 'number', 'boolean'].includes(typeof each)) &&
    isText(models) &&
    orNot(reuse, isNumber) &&
    orNot(adopted, (each) => typeof each === 'boolean') &&
    orNot(merged, isText) &&
    orNot(result, (each) => isTable(each, isNumber)) &&
    orNot(tables, (each) => isTable(each, isText)) &&
    orNot(derived, (each) => {
      const { rule, files } = (each ?? {}) as Value
      return isText(rule) && isTable(files, isText)
    })
  )
}

async function manifest(state: string, text: string): Promise<void> {
  writeFileSync(join(state, 'run.json'), text)
  const found = await readManifest(state)
  const file = opened(text)
  if (typeof found !== 'object') {
    expect(['damaged', 'newer']).toContain(found)
    return
  }
  expect(file !== undefined && isManifest(file.value)).toBe(true)
  expect(isSubset(found, file!.value)).toBe(true)
}

async function rows(state: string, text: string): Promise<void> {
  const path = join(state, 'part_1.rows')
  writeFileSync(path, text)
  const found = await readPartRows(path)
  if (found === undefined) return
  const file = opened(text)
  expect(file?.isSealed).toBe(true)
  expect(isSubset(found, file!.value)).toBe(true)
}

async function precisions(state: string, text: string): Promise<void> {
  writeFileSync(join(state, 'precisions.json'), text)
  const found = await readPrecisions(state)
  if (found === undefined) return
  expect(opened(text)?.isSealed).toBe(true)
  expect(found.frames.length).toBeLessThan(2 ** 20)
}

const KINDS = [
  { read: manifest, seeds: [MANIFEST, FINISHED] },
  { read: rows, seeds: [ROWS] },
  { read: precisions, seeds: [PRECISIONS] },
] as const

export const target: Target = {
  name: 'state',
  about:
    'run.json, rows and precisions of a run, damaged or with values that a checksum makes right: what JSON.parse, the checksum and a plain check of types say, or damage',
  weight: 1,
  property() {
    const state = join(new Scratch().folder, 'run')
    mkdirSync(state)
    const cases = KINDS.map(({ read, seeds }) => {
      const files = seeds.map((seed) => ({ name: read.name, bytes: Buffer.from(sealed(seed)) }))
      const damaged = mutated(files, {
        tokens: ['"checksum"', '{', '}', '[', '"', ',', ':', 'null', '1e999', '\\u0000'],
      }).map(({ bytes }) => Buffer.from(bytes).toString())
      const right = edited(seeds).map((value) => sealed(value as object))
      return fc.tuple(fc.constant(read), fc.oneof(damaged, right))
    })
    return fc.asyncProperty(fc.oneof(...cases), async ([read, text]) => await read(state, text))
  },
}
