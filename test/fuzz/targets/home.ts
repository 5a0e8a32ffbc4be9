import { expect } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { HomeError, readHome } from '../../../src/home/index.ts'
import { OwnServers } from '../../../src/server/serve/own-servers.ts'
import { mutated } from '../mutations.ts'
import { edited } from '../references/json-edits.ts'
import { isSubset } from '../references/json-values.ts'
import { Scratch } from '../references/scratch.ts'
import type { Target } from '../target.ts'

const HEAD = { format: 'virnucpro-home', version: 1 }
const HOMES = [
  HEAD,
  {
    ...HEAD,
    bundle: 'fp32',
    sources: { esm: '/w/esm2.pt', dnabert: '/w/dnabert' },
    imports: { fp32: { esm: '/w/esm2.pt', dnabert: '/w/dnabert' } },
    gpu: {
      precision: 'fp8',
      attention: 'fused',
      recheck: true,
      server: { kind: 'program', serverBin: '/opt/tritonserver', backend: 'python', products: false },
    },
  },
  { ...HEAD, gpu: { precision: 'bf16', attention: 'standard', server: { kind: 'private', name: 'triton' } } },
  {
    ...HEAD,
    gpu: {
      precision: 'fp16',
      attention: 'standard',
      server: { kind: 'container', engine: 'docker', image: 'i' },
    },
  },
]
const NOTES = [
  {
    format: 'virnucpro-server',
    grpcUrl: 'grpc://127.0.0.1:8001',
    metricsUrl: 'http://127.0.0.1:8002/metrics',
    port: 8001,
    pid: 2 ** 22 + 7,
    started: '1',
    place: 'boot pid:[1]',
    host: hostname(),
    secret: 's'.repeat(32),
    repository: '/r',
    background: true,
    idleTimeout: 900,
  },
]
const NAME = 'server-00000000-0000-0000-0000-000000000000.json'
const TOKENS = ['{', '}', '[', '"', ',', ':', 'null', '1e999', '"format"', '\\u0000']

/** The record of set-up: what JSON.parse says, or a HomeError. */
async function home(folder: string, text: string): Promise<void> {
  writeFileSync(join(folder, 'home.json'), text)
  try {
    const found = await readHome({ VIRNUCPRO_HOME: folder })
    expect(isSubset(found, JSON.parse(text))).toBe(true)
    expect([found.format, found.version]).toEqual(['virnucpro-home', 1])
  } catch (error) {
    if (!(error instanceof HomeError)) throw error
    expect(error.code).toMatch(/^(home-damaged|other-home)$/)
  }
}

/** A note about a server that does not run: nobody is sent there, and no file but notes is removed. */
async function note(folder: string, text: string): Promise<void> {
  const place = join(folder, 'virnucpro')
  for (const name of [NAME, 'mine.json']) writeFileSync(join(place, name), text)
  expect(new OwnServers().list()).toEqual([])
  expect(readdirSync(place).filter((name) => name !== NAME)).toEqual(['mine.json'])
  rmSync(join(place, NAME), { force: true })
}

export const target: Target = {
  name: 'home',
  about:
    'home.json and notes about servers, damaged or forged: what JSON.parse says, or a HomeError; no server that is not proven, no file removed but notes',
  weight: 1,
  property() {
    const { folder } = new Scratch()
    mkdirSync(join(folder, 'virnucpro'))
    for (const each of [folder, join(folder, 'virnucpro')]) chmodSync(each, 0o700)
    process.env.XDG_RUNTIME_DIR = folder
    const cases = [
      { read: home, seeds: HOMES },
      { read: note, seeds: NOTES },
    ].map(({ read, seeds }) => {
      const files = seeds.map((seed) => ({ name: read.name, bytes: Buffer.from(JSON.stringify(seed)) }))
      const damaged = mutated(files, { tokens: TOKENS }).map(({ bytes }) => Buffer.from(bytes).toString())
      return fc.tuple(
        fc.constant(read),
        fc.oneof(
          damaged,
          edited(seeds).map((value) => JSON.stringify(value)),
        ),
      )
    })
    return fc.asyncProperty(fc.oneof(...cases), async ([read, text]) => await read(folder, text))
  },
}
