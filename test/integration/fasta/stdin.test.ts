import { expect, test } from 'bun:test'
import { join, resolve } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { scratch } from './support.ts'

const { folder, file } = scratch()
const room = resolve(import.meta.dir, '../../../src/fasta/index.ts')
const system = resolve(import.meta.dir, '../../../src/system/processes.ts')

// Prints id, length and source of the records, or the error; then the peak of the memory in MB.
const program = file(
  'read.ts',
  `import { readSequences } from ${JSON.stringify(room)}
  import { peakMemory } from ${JSON.stringify(system)}
  let [records, bases] = [0, 0]
  const first: unknown[] = []
  try {
    for await (const batch of readSequences(process.argv.slice(2))) {
      for (const { id, sequence, source } of batch) {
        records++
        bases += sequence.length
        if (first.length < 3) first.push([id, sequence.length, source])
      }
    }
  } catch (error) {
    first.push(String(error))
  }
  console.log(JSON.stringify({ records, bases, first, peak: peakMemory() / 2 ** 20 }))`,
)

interface Outcome {
  records: number
  bases: number
  first: unknown[]
  /** MB */
  peak: number
}

async function read(
  inputs: string[],
  feed: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, program, ...inputs], {
    stdin: 'pipe',
    stdout: 'pipe',
    cwd: folder,
  })
  for await (const bytes of feed) {
    child.stdin.write(bytes)
    await child.stdin.flush()
  }
  child.stdin.end()
  return JSON.parse(await new Response(child.stdout).text())
}

const TEXT = Buffer.from('>a x\nACGT\nAC\n>b\nAC\n')

test('standard input, plain and compressed, in small pieces', async () => {
  for (const bytes of [TEXT, gzipSync(TEXT), zstdCompressSync(TEXT)]) {
    const pieces = async function* () {
      for (let from = 0; from < bytes.length; from += 9) {
        await Bun.sleep(1)
        yield bytes.subarray(from, from + 9)
      }
    }
    const { first } = await read(['-'], pieces())
    expect(first).toEqual([
      ['a', 6, '<stdin>'],
      ['b', 2, '<stdin>'],
    ])
  }
})

test('standard input between files, duplicates of it included', async () => {
  const one = file('one.fa', '>c\nA\n')
  expect((await read([one, '-'], [TEXT])).first).toEqual([
    ['c', 1, one],
    ['a', 6, '<stdin>'],
    ['b', 2, '<stdin>'],
  ])
  const error = (await read(['-', '-'], [TEXT])).first[0]
  expect(error).toContain('can be given only once')
  const two = file('two.fa', '>b\nA\n')
  expect((await read(['-', two], [TEXT])).first[0]).toContain(
    `${two}:1: duplicate id "b", first at <stdin>:4`,
  )
  expect((await read(['-'], [])).first[0]).toContain('<stdin>:1: the input is empty; ')
})

test('a million reads pass through in bounded memory', async () => {
  const sequence = 'ACGTTGCAAC'.repeat(60)
  const reads = function* () {
    for (let number = 0; number < 1_000_000; ) {
      let text = ''
      for (let index = 0; index < 5000; index++) text += `>read_${number++}\n${sequence}\n`
      yield Buffer.from(text)
    }
  }
  const { records, bases, peak } = await read(['-'], reads())
  expect([records, bases]).toEqual([1_000_000, 600_000_000])
  // All of the text is 615 MB; Bun itself takes some 40, the ids 25 (and 12 more while their table doubles), and what
  // waits for the garbage collector 100 to 200.
  expect(peak).toBeLessThan(450)
})

test('300 MB of contigs pass through in bounded memory', async () => {
  const line = Buffer.from(`${'ACGTTGCAAC'.repeat(6)}\n`.repeat(16_000))
  const contigs = function* () {
    for (let number = 0; number < 300; number++) {
      yield Buffer.from(`>contig_${number}\n`)
      yield line
    }
  }
  const { records, bases, peak } = await read(['-'], contigs())
  expect([records, bases]).toEqual([300, 300 * 960_000])
  expect(peak).toBeLessThan(200)
})

test('an abort ends the wait for input that never comes', async () => {
  const waiting = file(
    'wait.ts',
    `import { readSequences } from ${JSON.stringify(room)}
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('asked to stop')), 50)
    try {
      for await (const _ of readSequences(['-'], { signal: controller.signal })) {}
    } catch (error) {
      console.log(String(error))
      process.exit()
    }`,
  )
  const child = Bun.spawn([process.execPath, waiting], { stdin: 'pipe', stdout: 'pipe' })
  expect(await new Response(child.stdout).text()).toBe('Error: asked to stop\n')
  child.stdin.end()
})

test('a named pipe is read as a file is', async () => {
  const path = join(folder, 'pipe')
  await Bun.spawn(['mkfifo', path]).exited
  const writer = Bun.spawn(['sh', '-c', `cat > ${path}`], { stdin: TEXT })
  expect((await read([path], [])).records).toBe(2)
  await writer.exited
})
