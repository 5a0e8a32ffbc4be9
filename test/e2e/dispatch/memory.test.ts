import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton, type TritonServer, versionFolder } from '../../../scripts/support/triton.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { virnucpro } from '../../support/cli.ts'

/** Padded tokens that the models of these tests hold; what TensorRT says when there are more. */
const ROOM = 700
const BUDGET = 1500
const WORDS = '[executionContext.cpp::setDeviceMemory] Error Code 2: Cuda Runtime (out of memory)'

/** A repository as for plans, whose ESM-2 has little memory and takes no more than eight rows of up to 60 tokens. */
async function cramped(folder: string): Promise<void> {
  await buildRepository({ bundle: 'demo', backend: 'python', output: folder, threads: 1 })
  const code = join(versionFolder(folder, 'esm2'), 'model.py')
  const text = await readFile(code, 'utf8')
  const refusing = text.replace(
    '        if wrong is not None:',
    `        print(ids.size, file=open("${folder}.sizes", "a"))
        if ids.shape[1] <= 60 and ids.shape[0] > 8:
            return failed("more rows than the profile takes", pb_utils.TritonError.INVALID_ARG)
        if ids.size > ${ROOM}:
            return failed("${WORDS}", pb_utils.TritonError.INTERNAL)
        if wrong is not None:`,
  )
  expect(refusing).not.toBe(text)
  await writeFile(code, refusing)
  const path = join(folder, 'esm2', 'config.pbtxt')
  const config = await readFile(path, 'utf8')
  const more = ['shapes', 'token_budget'].map((key, i) => {
    return `  { key: "${key}" value: { string_value: "${i === 0 ? '8x60,999x1088' : BUDGET}" } },\n`
  })
  await writeFile(path, config.replace('parameters [\n', `parameters [\n${more.join('')}`))
}

/** Frames of two kinds of length, from a fixed seed. */
function reads(): string {
  let state = 7
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  const dna = (length: number) => Array.from({ length }, () => 'ACGC'[next(4)]).join('')
  return Array.from({ length: 120 }, (_, i) => `>r${i}\n${dna(i % 2 === 0 ? 150 : 280)}\n`).join('')
}

describe.skipIf(!hasTriton)('a server whose GPU has little memory', () => {
  const folder = temporaryFolder()
  let server: TritonServer

  beforeAll(async () => {
    await cramped(folder.join('repository'))
    await writeFile(folder.join('in.fa'), reads())
    server = await startTriton({ repository: folder.join('repository') })
  }, 120_000)
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  }, 60_000)

  const run = (name: string, ...more: string[]) =>
    virnucpro([
      ...['predict', folder.join('in.fa'), '--output-dir', folder.join(name), '--bundle', 'demo'],
      ...more,
    ])
  const rows = async (name: string) =>
    (await readFile(join(folder.join(name), 'in_merged/prediction_results.txt'), 'utf8'))
      .trim()
      .split('\n')
      .slice(2)
      .map((line) => line.split('\t'))

  test('computes batches in pieces, says so once, and gives every row its own embedding', async () => {
    expect((await run('embedded', '--backend', 'onnx')).code).toBe(0)
    const { code, stderr } = await run('server', '--triton', server.grpcUrl)
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    const warnings = stderr.split('\n').filter((line) => line.includes('out of memory'))
    expect(warnings).toHaveLength(1)
    const value = Number(/--esm-batch-size (\d+)/.exec(warnings[0] ?? '')?.[1])
    expect(value).toBeGreaterThan(ROOM / 3)
    expect(value).toBeLessThanOrEqual(BUDGET / 2)

    const [here, there] = [await rows('embedded'), await rows('server')]
    expect(there.length).toBeGreaterThan(100)
    expect(there.map(([id]) => id)).toEqual(here.map(([id]) => id))
    const worst = Math.max(...there.map((row, i) => Math.abs(Number(row[3]) - Number(here[i]?.[3]))))
    expect(worst).toBeLessThan(2e-5)

    // Batches were planned for the budget that the server's configuration names, before they were taken apart.
    const sizes = (await readFile(`${folder.join('repository')}.sizes`, 'utf8'))
      .trim()
      .split('\n')
      .map(Number)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(BUDGET)
    expect(Math.max(...sizes)).toBeGreaterThan(ROOM)

    // The value of the advice is small enough for the memory: nothing is left to say.
    const advised = await run('advised', '--triton', server.grpcUrl, '--esm-batch-size', String(value))
    expect(advised.code).toBe(0)
    expect(advised.stderr).not.toContain('out of memory')
  })
})
