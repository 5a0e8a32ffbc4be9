import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runPython } from '../../support/python.ts'

/** A tensor as torch read it. */
export interface ExpectedTensor {
  dtype: string
  shape: number[]
  hex: string
  float: string
}

/** Files written by torch, with what torch reads from them. */
export interface Fixtures {
  directory: string
  path(name: string): string
  expected: Record<string, Record<string, ExpectedTensor>>
  remove(): Promise<void>
}

export async function makeFixtures(): Promise<Fixtures> {
  const directory = await temporaryDirectory()
  const program = await readFile(join(import.meta.dir, 'make_fixtures.py'), 'utf8')
  await runPython(program, directory)
  return {
    directory,
    path: (name) => join(directory, name),
    expected: JSON.parse(await readFile(join(directory, 'expected.json'), 'utf8')),
    remove: () => rm(directory, { recursive: true }),
  }
}

export function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'torchfile-'))
}

export function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

/** A float32 table of the right size from raw bytes at any address. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer)
}

/** What a promise is rejected with; fails when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('expected a rejection')
}

/** xorshift32: the same mutations in every run. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
