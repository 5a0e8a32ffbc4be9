import { afterAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { succeed, virnucpro } from '../../support/cli.ts'
import { refusingRepository } from '../../support/refusing.ts'
import { computed, run, start, sum } from '../predict/resume-support.ts'
import { distance, readEmbeddings } from './support.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

const next = randomSource(7)
const random = (letters: string, least: number, most: number) =>
  Array.from(
    { length: least + Math.floor(next() * (most - least + 1)) },
    () => letters[Math.floor(next() * letters.length)],
  ).join('')

/** Three parts, the last of them not full. */
const RECORDS = 22_000
const proteins = folder.join('proteins.faa')
writeFileSync(
  proteins,
  Array.from({ length: RECORDS }, (_, i) => `>p${i}\n${random('ACDEFGHIKLMNPQRSTVWY', 8, 14)}\n`).join(''),
)
const words = (input: string, output: string, ...more: string[]) =>
  `embed ${input} --of records --alphabet protein --bundle demo --esm-batch-size 8192 --verbose --output ${output}`
    .split(' ')
    .concat(more)

test('a run that is killed again and again goes on, and ends with the same bytes', async () => {
  const whole = await run(words(proteins, folder.join('whole.npz')))
  expect(whole.code).toBe(0)
  const batches = computed(whole.messages).esm2
  const output = folder.join('killed.npz')
  const done: number[] = []
  for (let kills = 0; kills < 4; kills++) {
    const started = start(words(proteins, output))
    await started.said('computed esm2')
    await Bun.sleep(next() * 1500)
    started.child.kill('SIGKILL')
    done.push(...computed((await started.ended()).messages).esm2)
  }
  const last = await run(words(proteins, output))
  expect(last.code).toBe(0)
  done.push(...computed(last.messages).esm2)
  expect(readFileSync(output).equals(readFileSync(folder.join('whole.npz')))).toBe(true)
  // What a killed run had under way is all that is computed twice: a batch each time.
  expect(sum(done)).toBeLessThanOrEqual(sum(batches) + 4 * Math.max(...batches))
  expect(readdirSync(folder.join('.virnucpro/killed.npz')).sort()).toEqual(['files.log', 'run.json'])
  expect(readdirSync(folder.path).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('a stopped run says how to go on; what is damaged meanwhile is computed again', async () => {
  const output = folder.join('stopped.safetensors')
  const started = start(words(proteins, output))
  // At once: a fast machine ends the run within a second.
  await started.said('computed esm2')
  started.child.kill('SIGTERM')
  const { code, messages } = await started.ended()
  expect(code).toBe(143)
  expect(messages).toContain('the same command continues from there')
  const work = folder.join('.virnucpro/stopped.safetensors/work')
  for (const name of readdirSync(work))
    if (name.endsWith('.journal')) {
      const bytes = readFileSync(`${work}/${name}`)
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(`${work}/${name}`, bytes)
    }
  const other = await run(words(proteins, output, '--max-length', '9'))
  expect(other.messages).toContain('maxLength: 1022 -> 9')
  expect(other.code).toBe(64)
  // A part that was done is found damaged when the file is written.
  let last = await run(words(proteins, output))
  if (last.code === 75) last = await run(words(proteins, output))
  expect(last.code).toBe(0)
  const reference = folder.join('reference.safetensors')
  await run(words(proteins, reference))
  expect(readFileSync(output).equals(readFileSync(reference))).toBe(true)
})

test('a stream goes on with the same bytes only', async () => {
  const text = readFileSync(proteins, 'utf8')
  const output = folder.join('stream.npz')
  const started = start(words('-', output), { stdin: text })
  await started.said('part 1: ')
  started.child.kill('SIGKILL')
  await started.ended()
  const other = await run(words('-', output), { stdin: text.replaceAll('MK', 'MR') })
  expect(other.messages).toContain('was not over what - holds now: part 1 differs')
  expect(other.code).toBe(64)
  const same = await run(words('-', output), { stdin: text })
  expect(same.code).toBe(0)
  // Nothing of where the input came from is in the file.
  expect(readFileSync(output).equals(readFileSync(folder.join('whole.npz')))).toBe(true)
})

describe.skipIf(!hasTriton)('with a real Triton server', () => {
  const contigs = folder.join('contigs.fa')
  writeFileSync(
    contigs,
    Array.from({ length: 12 }, (_, i) => `>c${i}\n${random('ACG', 500, 1500)}\n`).join(''),
  )

  test('embeddings are those of this process', async () => {
    const repository = folder.join('repository')
    await buildRepository({ bundle: 'demo', backend: 'python', output: repository, threads: 1 })
    await using server = await startTriton({ repository })
    const [there, here] = [folder.join('there.safetensors'), folder.join('here.safetensors')]
    const embed = (output: string, ...more: string[]) =>
      succeed('embed', contigs, '--bundle', 'demo', '--output', output, ...more)
    await embed(there, '--triton', server.grpcUrl)
    await embed(here, '--backend', 'onnx')
    const models = ['dnabert_s', 'esm2'] as const
    const [a, b] = [await readEmbeddings(there, models), await readEmbeddings(here, models)]
    expect(a.ids).toEqual(b.ids)
    for (const model of models) expect(distance(a.rows.get(model), b.rows.get(model)!)).toBeLessThan(2e-5)
  })

  test('what a server refuses is listed, and tried elsewhere by the same command', async () => {
    await using server = await startTriton({ repository: await refusingRepository(folder.join('refusing')) })
    const output = folder.join('refused.safetensors')
    const short = folder.join('short.fa')
    writeFileSync(
      short,
      Array.from({ length: 80 }, (_, i) => `>s${i}\n${random('ACGT', 20, 120)}\n`).join(''),
    )
    const command = ['embed', short, '--of', 'chunks', '--bundle', 'demo', '--output', output, '--verbose']
    const first = await virnucpro([...command, '--triton', server.grpcUrl])
    expect(first.code).toBe(2)
    expect(first.stderr).toContain(`could not be embedded: ${output}.failed.tsv lists them`)
    const [head, ...listed] = readFileSync(`${output}.failed.tsv`, 'utf8').trim().split('\n')
    expect(head).toBe('id\tmodel\treason')
    expect(listed[0]).toContain('\tDNABERT-S\t')
    expect(listed[0]).toContain('these tokens are refused')
    const refused = listed.map((line) => line.split('\t')[0])
    const some = await readEmbeddings(output, ['dnabert_s'])
    expect(some.ids.length).toBeGreaterThan(0)
    expect(some.ids.some((id) => refused.includes(id))).toBe(false)
    const second = await virnucpro([...command, '--backend', 'onnx'])
    expect(second.code).toBe(0)
    expect(sum(computed(second.stderr).dnabert_s)).toBe(refused.length)
    const all = await readEmbeddings(output, ['dnabert_s'])
    expect(all.ids.toSorted()).toEqual([...some.ids, ...(refused as string[])].toSorted())
    expect(readdirSync(folder.path).filter((name) => name.startsWith('refused'))).toEqual([
      'refused.safetensors',
    ])
  })
})
